#include "hotel/place_json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace tenfold::hotel {
namespace {

constexpr size_t typical_place = 128;  // bytes

void append(std::string& out, int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// number / 10^places, without trailing zeros. Every number here has a fixed count of decimal places, and an
// integer is written in a fifth of the time that a double takes.
void append_decimal(std::string& out, int64_t number, int places) {
  char digits[24];
  if (number < 0) out += '-';
  const char* end = std::to_chars(digits, digits + sizeof digits, std::abs(number)).ptr;
  const int count = static_cast<int>(end - digits);
  if (count > places)
    out.append(digits, count - places);
  else
    out += '0';
  if (number == 0) return;
  while (places > 0 && end[-1] == '0') end--, places--;
  const int kept = static_cast<int>(end - digits);
  if (places == 0) return;
  out += '.';
  out.append(std::max(0, places - kept), '0');
  out.append(end - std::min(places, kept), end);
}

void append_place(std::string& out, const Place& place) {
  const geo::Cell c = geo::cell_of_key(place.key);
  const Attributes a = unpack(place.attributes);
  append(out += R"({"hotel_id":)", place.hotel_id);
  append_decimal(out += R"(,"distance_m":)", std::llround(place.distance_m * 1e9), 9);
  append_decimal(out += R"(,"lat":)", int64_t{c.lat} - geo::grid_equator, 7);
  append_decimal(out += R"(,"lng":)", int64_t{c.lng} - geo::grid_greenwich, 7);
  if (a.stars)
    append(out += R"(,"stars":)", a.stars);
  else
    out += R"(,"stars":null)";
  if (a.rating_hundredths)
    append_decimal(out += R"(,"rating":)", a.rating_hundredths, 2);
  else
    out += R"(,"rating":null)";
  if (a.price_range)
    (out += R"(,"price_range":")").append(price_text(a.price_range)) += "\"}";
  else
    out += R"(,"price_range":null})";
}

}  // namespace

std::string to_json(std::span<const Place> places) {
  std::string out = "[";
  out.reserve(places.size() * typical_place + 2);
  for (const Place& place : places) {
    if (out.size() > 1) out += ',';
    append_place(out, place);
  }
  return out += ']';
}

}  // namespace tenfold::hotel
