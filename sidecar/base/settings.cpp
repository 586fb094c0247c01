#include "base/settings.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <stdexcept>

namespace tenfold::sidecar {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};
constexpr Unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
constexpr Unit size_units[] = {
    {"", 1}, {"B", 1}, {"kB", 1024}, {"MB", 1024 * 1024}, {"GB", 1024 * 1024 * 1024}};
constexpr Unit number_units[] = {{"", 1}};

// What a kind looks like, for hints.
std::string form_of(const SettingRow& row) {
  switch (row.kind) {
    case SettingKind::flag:
      return "on or off";
    case SettingKind::number:
      return "a whole number";
    case SettingKind::duration:
      return "a number with ms, s, min or h, such as 250ms";
    case SettingKind::size:
      return "a number of bytes, or one with kB, MB or GB, such as 16kB";
    case SettingKind::choice:
      return std::accumulate(
          std::next(row.choices.begin()), row.choices.end(), row.choices.front(),
          [](const std::string& all, const std::string& one) { return all + " or " + one; });
    default:
      return "text";
  }
}

std::span<const Unit> units_of(SettingKind kind) {
  if (kind == SettingKind::duration) return duration_units;
  if (kind == SettingKind::size) return size_units;
  return number_units;
}

std::optional<int64_t> parse_flag(std::string_view text) {
  for (const std::string_view yes : {"on", "true", "yes", "1"})
    if (text == yes) return 1;
  for (const std::string_view no : {"off", "false", "no", "0"})
    if (text == no) return 0;
  return std::nullopt;
}

// A number and its unit; nothing where either is malformed or the product overflows.
std::optional<int64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{}) return std::nullopt;
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  for (const Unit& known : units) {
    int64_t product = 0;
    if (known.name == unit && !__builtin_mul_overflow(number, known.factor, &product)) return product;
  }
  return std::nullopt;
}

std::optional<int64_t> parse_value(const SettingRow& row, std::string_view text) {
  if (row.kind == SettingKind::text || row.kind == SettingKind::secret) return 0;
  if (row.kind == SettingKind::flag) return parse_flag(text);
  if (row.kind == SettingKind::choice)
    return std::ranges::count(row.choices, text) == 1 ? std::optional<int64_t>(0) : std::nullopt;
  const auto quantity = parse_quantity(text, units_of(row.kind));
  if (!quantity || *quantity < row.least || *quantity > row.most) return std::nullopt;
  return quantity;
}

Error invalid_value(const SettingRow& row, const std::string& text, const std::string& origin) {
  std::string range;
  if (row.most != INT64_MAX)
    range = " between " + std::to_string(row.least) + " and " + std::to_string(row.most);
  else if (row.least != 0)
    range = " of at least " + std::to_string(row.least);
  if (!range.empty() && row.kind == SettingKind::duration) range += " ms";
  const std::string shown = row.kind == SettingKind::secret ? "***" : text;
  return {Code::invalid_parameter,
          "setting " + row.name + " has the invalid value \"" + shown + "\" (" + origin + ")",
          "write " + form_of(row) + range};
}

Error unknown_setting(const std::string& name, const std::string& origin, std::span<const SettingRow> rows) {
  std::vector<std::string> names;
  for (const SettingRow& row : rows) names.push_back(row.name);
  return {Code::invalid_parameter, "unknown setting \"" + name + "\" (" + origin + ")",
          "did you mean " + nearest_word(name, names) + "? `tenfold list` shows them all"};
}

// A connection string may hold a password, as a keyword or within a URL.
std::string mask_password(std::string text) {
  static const RE2 keyword(R"((?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+))");
  static const RE2 in_url(R"((://[^:/@\s]*:)[^@\s]*@)");
  RE2::GlobalReplace(&text, keyword, "\\1***");
  RE2::GlobalReplace(&text, in_url, "\\1***@");
  return text;
}

const SettingRow* find_row(std::span<const SettingRow> rows, std::string_view name) {
  const auto found = std::ranges::find(rows, name, &SettingRow::name);
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

Result<Settings> Settings::merge(std::span<const SettingRow> rows, std::span<const SettingLayer> layers) {
  std::vector<SettingLayer> all;
  all.push_back({"default", {}});
  for (const SettingRow& row : rows) all.front().values[row.name] = row.standard;
  all.insert(all.end(), layers.begin(), layers.end());

  Settings settings;
  for (const SettingLayer& layer : all) {
    for (const auto& [name, text] : layer.values) {
      const SettingRow* row = find_row(rows, name);
      if (row == nullptr) return unknown_setting(name, layer.origin, rows);
      const auto number = parse_value(*row, text);
      if (!number) return invalid_value(*row, text, layer.origin);
      settings.values_[name] = {row->kind, text, *number, layer.origin};
    }
  }
  return settings;
}

const Settings::Value& Settings::at(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::logic_error("no setting is named " + std::string(name));
  return found->second;
}

std::string Settings::print() const {
  std::string lines;
  for (const auto& [name, value] : values_) {
    const bool hidden = value.kind == SettingKind::secret && !value.text.empty();
    lines += name + " = '" + (hidden ? "***" : mask_password(value.text)) + "'  # " + value.origin + "\n";
  }
  return lines;
}

std::string environment_name(std::string_view setting) {
  std::string name = "TENFOLD_";
  for (const char c : setting)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Result<SettingLayer> read_environment(std::span<const std::string> variables,
                                      std::span<const SettingRow> rows) {
  SettingLayer layer{"environment", {}};
  std::vector<std::string> names;
  for (const SettingRow& row : rows) names.push_back(environment_name(row.name));
  for (const std::string& variable : variables) {
    const std::string name = variable.substr(0, variable.find('='));
    if (!name.starts_with("TENFOLD_") || name == "TENFOLD_CONFIG" || name == "TENFOLD_WORKERS") continue;
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      return Error{Code::invalid_parameter, "unknown environment variable " + name,
                   "did you mean " + nearest_word(name, names) + "?"};
    layer.values[rows[static_cast<size_t>(found - names.begin())].name] = variable.substr(name.size() + 1);
  }
  return layer;
}

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  std::string nearest;
  size_t fewest = SIZE_MAX;
  for (const std::string& candidate : candidates) {
    // Levenshtein's distance, one row of the table at a time.
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < word.size(); i++) {
      size_t diagonal = row[0]++;
      for (size_t j = 0; j < candidate.size(); j++) {
        const size_t replaced = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < fewest) {
      fewest = row.back();
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace tenfold::sidecar
