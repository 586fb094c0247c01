// Configuration: rows that say what may be set, and the values in force. Flags beat TENFOLD_* variables,
// these beat the TOML file, the file beats the defaults. One name serves all: `gateway.listen` is the flag
// --gateway.listen, the variable TENFOLD_GATEWAY_LISTEN and, in the file, `listen` of the table [gateway].
#pragma once

#include "kernel/wall.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::sidecar {

enum class SettingKind {
  text,
  secret,    // text that --print-config masks
  flag,      // on, off, true, false, yes, no, 1, 0
  number,    // a whole number within [least, most]
  duration,  // a number with ms, s, min or h; least and most are milliseconds
  choice,    // one of the row's choices
  size,      // a number of bytes, or with kB, MB or GB (powers of 1024, as in Postgres)
};

// One thing that can be set.
struct SettingRow {
  std::string name;
  SettingKind kind;
  std::string standard;  // the default, as a user would write it
  std::string meaning;   // one line for people
  int64_t least = 0;     // of numbers, durations and sizes
  int64_t most = INT64_MAX;
  std::vector<std::string> choices = {};
};

// Where a value came from, and the text as it was written. Layers are merged in this order, later ones win.
struct SettingLayer {
  std::string origin;  // "file tenfold.toml", "environment", "flag"
  std::map<std::string, std::string> values;
};

// The values in force, each already checked against its row: the getters cannot fail for a known name, and
// throw std::logic_error for an unknown one.
class Settings {
 public:
  // Error::message names the setting, the value and its origin; the hint names the nearest known setting, or
  // the form that the kind wants.
  static Result<Settings> merge(std::span<const SettingRow> rows, std::span<const SettingLayer> layers);

  const std::string& text(std::string_view name) const { return at(name).text; }
  bool flag(std::string_view name) const { return at(name).number != 0; }
  int64_t number(std::string_view name) const { return at(name).number; }
  size_t size(std::string_view name) const { return static_cast<size_t>(at(name).number); }
  std::chrono::milliseconds duration(std::string_view name) const {
    return std::chrono::milliseconds(at(name).number);
  }

  // One line a setting: name = 'value' # origin. Secrets, and passwords within connection strings, are
  // masked.
  std::string print() const;

 private:
  struct Value {
    SettingKind kind;
    std::string text;
    int64_t number = 0;  // flags, numbers, milliseconds, bytes
    std::string origin;
  };

  const Value& at(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
};

// The variable of a setting: gateway.listen → TENFOLD_GATEWAY_LISTEN.
std::string environment_name(std::string_view setting);

// The settings of a TOML text, tables joined by dots. The origin stands in the error of a text that is no
// TOML.
Result<SettingLayer> read_toml(std::string_view text, const std::string& origin);

// Those of NAME=VALUE strings that begin with TENFOLD_ and are a row's variable. Another TENFOLD_ variable is
// an error; the command line's own (TENFOLD_CONFIG, TENFOLD_WORKERS) are passed over.
Result<SettingLayer> read_environment(std::span<const std::string> variables,
                                      std::span<const SettingRow> rows);

// The candidate with the fewest edits (insert, delete, replace) to the word; the first of equals. Empty if
// there is no candidate.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace tenfold::sidecar
