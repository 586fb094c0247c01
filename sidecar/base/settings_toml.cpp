// Alone in a file: toml++ takes several seconds to compile.
#include <toml++/toml.h>

#include <sstream>

#include "base/settings.hpp"

namespace tenfold::sidecar {
namespace {

Error not_a_value(const std::string& name, const std::string& origin) {
  return {Code::invalid_parameter,
          "setting " + name + " is neither text, a number nor true or false (" + origin + ")",
          "write one value; lists and dates are not used here"};
}

// Adds a table's values below the prefix ("gateway.").
Result<bool> flatten(const toml::table& table, const std::string& prefix, SettingLayer& layer) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      if (auto done = flatten(*inner, name + ".", layer); !done) return done;
    } else if (const auto* text = node.as_string()) {
      layer.values[name] = text->get();
    } else if (const auto* number = node.as_integer()) {
      layer.values[name] = std::to_string(number->get());
    } else if (const auto* flag = node.as_boolean()) {
      layer.values[name] = flag->get() ? "on" : "off";
    } else {
      return not_a_value(name, layer.origin);
    }
  }
  return true;
}

}  // namespace

Result<SettingLayer> read_toml(std::string_view text, const std::string& origin) {
  SettingLayer layer{origin, {}};
  try {
    if (auto done = flatten(toml::parse(text), "", layer); !done) return done.error();
  } catch (const toml::parse_error& failure) {
    std::ostringstream place;
    place << "line " << failure.source().begin.line << ": " << failure.description();
    return Error{Code::invalid_parameter, "no TOML: " + place.str() + " (" + origin + ")",
                 "a setting is written as name = 'value', below its [table]"};
  }
  return layer;
}

}  // namespace tenfold::sidecar
