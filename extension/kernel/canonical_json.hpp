// One text for all JSON texts that say the same: members sorted by their bytes, numbers by value (100, 100.0
// and 1e2 are one), strings without needless escapes, no spaces.
#pragma once

#include "kernel/wall.hpp"

#include <functional>
#include <string>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold {

// Of a text that is known to be JSON (Postgres checked it). Errors: 22023 an object with a member twice, or
// nested deeper than 64.
Result<std::string> canonical_json(std::string_view json);

// Calls `see` with the path of each string, number and member name (a, a.b, a[0]) and its text, unescaped.
// Errors: as canonical_json.
using SeeText = std::function<void(std::string_view path, std::string_view text)>;
Result<bool> for_each_text(std::string_view json, const SeeText& see);

}  // namespace tenfold
