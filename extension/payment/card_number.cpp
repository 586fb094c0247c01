#include "payment/card_number.hpp"

#include "kernel/canonical_json.hpp"

namespace tenfold::payment {
namespace {

constexpr size_t shortest = 13, longest = 19;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool passes_luhn(std::string_view digits) {
  int sum = 0;
  bool doubles = false;
  for (size_t i = digits.size(); i-- > 0; doubles = !doubles) {
    const int digit = (digits[i] - '0') << doubles;
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 == 0;
}

bool is_card(std::string_view digits) {
  return digits.size() >= shortest && digits.size() <= longest && digits.front() >= '2' &&
         digits.front() <= '6' && passes_luhn(digits);
}

// Digits from a digit at `from` on, over single spaces and hyphens; `from` ends behind them.
std::string digits_at(std::string_view text, size_t& from) {
  std::string digits;
  while (from < text.size()) {
    if (is_digit(text[from])) {
      digits += text[from++];
    } else if ((text[from] == ' ' || text[from] == '-') && from + 1 < text.size() &&
               is_digit(text[from + 1])) {
      from++;
    } else {
      break;
    }
  }
  return digits;
}

}  // namespace

bool holds_card_number(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (!is_digit(text[at])) {
      at++;
    } else if (is_card(digits_at(text, at))) {
      return true;
    }
  }
  return false;
}

Result<std::optional<std::string>> card_number_in(std::string_view json) {
  std::optional<std::string> where;
  const auto read = for_each_text(json, [&](std::string_view path, std::string_view text) {
    if (!where && path != "amount" && holds_card_number(text)) where = std::string(path);
  });
  if (!read) return read.error();
  return where;
}

}  // namespace tenfold::payment
