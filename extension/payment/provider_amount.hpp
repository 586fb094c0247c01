// Amounts as providers write them. Ours are minor units by ISO 4217; some providers give a currency other
// digits, and PayPal writes decimals.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold::payment {

// How a provider counts a currency.
struct Digits {
  int iso = 2, provider = 2;  // digits after the point
  int64_t step = 1;           // an amount there is a multiple of it
};

// Errors: 22023 it cannot be written in the provider's digits, or is no multiple of its step.
Result<int64_t> to_provider(int64_t minor, const Digits& digits);

// Nothing: it has parts that our minor units cannot hold.
std::optional<int64_t> from_provider(int64_t amount, const Digits& digits);

std::string decimal_text(int64_t amount, int exponent);  // 1050, 2: 10.50
// Nothing: no such decimal, or too large, or with more digits than `exponent` but for zeros.
std::optional<int64_t> read_decimal(std::string_view text, int exponent);

}  // namespace tenfold::payment
