#include "payment/provider_amount.hpp"

#include <charconv>

namespace tenfold::payment {
namespace {

// Times ten, so often; fewer than none divides. Nothing: a remainder, or too large.
std::optional<int64_t> shift(int64_t amount, int places) {
  for (; places > 0; places--)
    if (__builtin_mul_overflow(amount, int64_t{10}, &amount)) return std::nullopt;
  for (; places < 0; places++) {
    if (amount % 10 != 0) return std::nullopt;
    amount /= 10;
  }
  return amount;
}

}  // namespace

Result<int64_t> to_provider(int64_t minor, const Digits& digits) {
  const auto amount = shift(minor, digits.provider - digits.iso);
  if (!amount || *amount % digits.step != 0)
    return Error{Code::invalid_parameter,
                 "amount " + std::to_string(minor) + " (minor units) cannot be paid at this provider",
                 "It takes multiples of " + std::to_string(digits.step) + " of its units, which have " +
                     std::to_string(digits.provider) + " digits after the point."};
  return *amount;
}

std::optional<int64_t> from_provider(int64_t amount, const Digits& digits) {
  return shift(amount, digits.iso - digits.provider);
}

std::string decimal_text(int64_t amount, int exponent) {
  std::string text = std::to_string(amount);
  if (exponent <= 0) return text;
  const auto places = static_cast<size_t>(exponent);
  if (text.size() <= places) text.insert(0, places + 1 - text.size(), '0');
  return text.insert(text.size() - places, ".");
}

std::optional<int64_t> read_decimal(std::string_view text, int exponent) {
  const size_t point = text.find('.');
  std::string digits(text.substr(0, point));
  std::string after(point == std::string_view::npos ? "" : text.substr(point + 1));
  while (after.size() > static_cast<size_t>(exponent) && after.ends_with('0')) after.pop_back();
  if (digits.empty() || after.size() > static_cast<size_t>(exponent)) return std::nullopt;
  after.resize(static_cast<size_t>(exponent), '0');
  digits += after;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  int64_t amount = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), amount);
  if (failure != std::errc()) return std::nullopt;
  return amount;
}

}  // namespace tenfold::payment
