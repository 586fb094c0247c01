#include "hotel/place_json.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace tenfold::hotel {
namespace {

// Text grows in raw memory whose size was made sure of beforehand: a std::string asks at every append whether
// it must grow, which took as long as writing the digits.
template <size_t Size>
char* append(char* out, const char (&text)[Size]) {
  std::memcpy(out, text, Size - 1);
  return out + Size - 1;
}

// A number below 10^8 as eight digits, 0 … 9, one a byte, the first in the lowest: three multiplications
// divide it into fours, pairs and digits side by side.
uint64_t digits_of(uint32_t number) {
  uint64_t x = number / 10000 | static_cast<uint64_t>(number % 10000) << 32;
  const uint64_t hundreds = (x * 10486 >> 20) & 0x0000007f0000007f;
  x = hundreds | (x - 100 * hundreds) << 16;
  const uint64_t tens = (x * 103 >> 10) & 0x000f000f000f000f;
  return tens | (x - 10 * tens) << 8;
}

// Writes eight characters, of which the first ones are wanted; the others are written over.
void write_digits(char* out, uint64_t digits) {
  digits |= 0x3030303030303030;
  if constexpr (std::endian::native == std::endian::big) digits = __builtin_bswap64(digits);
  std::memcpy(out, &digits, sizeof digits);
}

constexpr uint64_t eight_digits = 100'000'000;

char* append_short(char* out, uint32_t number) {
  const uint64_t digits = digits_of(number);
  const int zeros = std::countr_zero(digits | uint64_t{1} << 56) / 8;
  write_digits(out, digits >> 8 * zeros);
  return out + 8 - zeros;
}

char* append(char* out, int64_t number) {
  if (0 <= number && number < static_cast<int64_t>(eight_digits))
    return append_short(out, static_cast<uint32_t>(number));
  return std::to_chars(out, out + 20, number).ptr;
}

// A fraction of so many places, not zero, without its trailing zeros.
template <int Places>
char* append_fraction(char* out, uint32_t fraction) {
  *out++ = '.';
  if constexpr (Places > 8) {
    *out++ = static_cast<char>('0' + fraction / eight_digits);
    fraction %= eight_digits;
  }
  constexpr int unused = Places < 8 ? 8 - Places : 0;
  const uint64_t digits = digits_of(fraction) >> 8 * unused;
  write_digits(out, digits);
  return out + 8 - std::countl_zero(digits) / 8;
}

// Nanometers as meters. Every number here has a fixed count of decimal places, and an integer is written in a
// fifth of the time that a double takes.
char* append_meters(char* out, int64_t nanometers) {
  constexpr int64_t meter = 1'000'000'000;
  out = append(out, nanometers / meter);
  const auto fraction = static_cast<uint32_t>(nanometers % meter);
  return fraction ? append_fraction<9>(out, fraction) : out;
}

// Degrees, 0 … 180: they come too often for a division.
struct ShortText {
  char digits[3];
  uint8_t length;
};
constexpr std::array<ShortText, 181> degree_texts = [] {
  std::array<ShortText, 181> texts{};
  for (int i = 0; i <= 180; i++) {
    ShortText& t = texts[i];
    if (i >= 100) t.digits[t.length++] = '1';
    if (i >= 10) t.digits[t.length++] = static_cast<char>('0' + i / 10 % 10);
    t.digits[t.length++] = static_cast<char>('0' + i % 10);
  }
  return texts;
}();

// A grid number counted from zero degrees.
char* append_degrees(char* out, int64_t steps) {
  if (steps < 0) *out++ = '-';
  const auto size = static_cast<uint32_t>(std::abs(steps));
  // No place lies beyond 180; a key that names one, from a damaged index, must not read past the table.
  const auto degrees = std::min<size_t>(size / geo::grid_steps_per_degree, degree_texts.size() - 1);
  const ShortText& whole = degree_texts[degrees];
  std::memcpy(out, whole.digits, sizeof whole.digits);
  out += whole.length;
  const auto fraction = static_cast<uint32_t>(size % geo::grid_steps_per_degree);
  return fraction ? append_fraction<7>(out, fraction) : out;
}

// At most 5.11 fits.
char* append_hundredths(char* out, int number) {
  const int tenths = number / 10 % 10, hundredths = number % 10;
  const char text[4] = {static_cast<char>('0' + number / 100), '.', static_cast<char>('0' + tenths),
                        static_cast<char>('0' + hundredths)};
  std::memcpy(out, text, sizeof text);
  return out + (hundredths ? 4 : tenths ? 3 : 1);
}

char* append_attributes(char* out, Attributes a) {
  out = append(out, R"(,"stars":)");
  if (a.stars)
    *out++ = static_cast<char>('0' + a.stars);
  else
    out = append(out, "null");
  out = append(out, R"(,"rating":)");
  out = a.rating_hundredths ? append_hundredths(out, a.rating_hundredths) : append(out, "null");
  if (!a.price_range) return append(out, R"(,"price_range":null})");
  const std::string_view price = price_text(a.price_range);
  out = std::copy(price.begin(), price.end(), append(out, R"(,"price_range":")"));
  return append(out, "\"}");
}

int64_t nanometers_of(double meters) {
  const double nanometers = meters * 1e9;
  // A whole number but for rounding, so it does not matter how a half is rounded; beyond, halves are met.
  return nanometers < 0x1p50 ? std::llrint(nanometers) : std::llround(nanometers);
}

char* append_place(char* out, const Place& place) {
  const geo::Cell c = geo::cell_of_key(place.key);
  out = append(append(out, R"({"hotel_id":)"), place.hotel_id);
  out = append_meters(append(out, R"(,"distance_m":)"), nanometers_of(place.distance_m));
  out = append_degrees(append(out, R"(,"lat":)"), int64_t{c.lat} - geo::grid_equator);
  out = append_degrees(append(out, R"(,"lng":)"), int64_t{c.lng} - geo::grid_greenwich);
  return append_attributes(out, unpack(place.attributes));
}

}  // namespace

char* write_json(std::span<const Place> places, char* out) {
  *out++ = '[';
  for (const Place& place : places) {
    if (&place != places.data()) *out++ = ',';
    out = append_place(out, place);
  }
  *out++ = ']';
  return out;
}

std::string to_json(std::span<const Place> places) {
  std::string out(most_json_bytes(places.size()), '\0');
  out.resize(write_json(places, out.data()) - out.data());
  return out;
}

}  // namespace tenfold::hotel
