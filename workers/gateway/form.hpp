// Query strings and path segments, decoded.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenfold::gateway {

enum class Plus { is_space, is_plus };  // in a form, in a path

// The text with %XX decoded. Nothing where a percent sign lacks two hex digits, or the result holds a NUL or
// is no UTF-8: Postgres takes neither.
std::optional<std::string> percent_decode(std::string_view text, Plus plus);

using Form = std::vector<std::pair<std::string, std::string>>;

// name=value pairs between &, in their order; a name without = has an empty value. Nothing where
// percent_decode gives nothing. Never more pairs than the text has ampersands, plus one.
std::optional<Form> parse_form(std::string_view text);

// The first value of this name; null if there is none.
const std::string* find_value(const Form& form, std::string_view name);

}  // namespace tenfold::gateway
