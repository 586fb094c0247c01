// Finds what looks like the number of a payment card: nobody may send us one.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold::payment {

// Whether a text holds 13 to 19 digits, single spaces or hyphens between them allowed, that begin as cards do
// (2 to 6) and whose last one is the check digit by Luhn (ISO/IEC 7812-1). Longer runs of digits are no card.
bool holds_card_number(std::string_view text);

// The path of the first string, number or member name in a JSON text that holds one; nothing: none does.
// Members of the whole called `amount` are not looked at. Errors: those of canonical_json().
Result<std::optional<std::string>> card_number_in(std::string_view json);

}  // namespace tenfold::payment
