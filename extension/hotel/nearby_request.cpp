#include "hotel/nearby_request.hpp"

#include <algorithm>
#include <charconv>

namespace tenfold::hotel {
namespace {

constexpr double most_km = 20'038;  // half the equator, and some
constexpr int32_t most_hotels = 100;

// One to `most` of these characters.
bool is_of(std::string_view characters, size_t most, std::string_view text) {
  return !text.empty() && text.size() <= most && text.find_first_not_of(characters) == std::string_view::npos;
}

std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

}  // namespace

std::vector<std::string_view> parts_of(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
    if (list.empty()) parts.emplace_back();
  }
  return parts;
}

Result<double> radius_m_of(double km) {
  if (!(km >= 0 && km <= most_km))
    return Error{Code::invalid_radius, "radius " + text_of(km) + " km out of range",
                 "A radius is in kilometers, from 0 to 20038; leave it out to search everywhere."};
  return std::min(km * 1000, geo::max_distance_m);
}

Result<size_t> page_limit(int32_t limit) {
  if (limit < 1 || limit > most_hotels)
    return Error{Code::invalid_limit, "limit " + std::to_string(limit) + " is not between 1 and 100",
                 "Follow the Link of a page to the next."};
  return static_cast<size_t>(limit);
}

Result<CursorText> cursor_of(std::string_view text) {
  const size_t bar = std::min(text.find('_'), text.size());
  const std::string_view distance = text.substr(0, bar), id = text.substr(std::min(bar + 1, text.size()));
  if (is_of("0123456789.e+-", 30, distance) && is_of("0123456789", 19, id))
    return CursorText{std::string(distance), std::string(id)};
  return Error{Code::invalid_parameter, "the cursor is not \"" + std::string(text.substr(0, 100)) + "\"",
               "Send the next of the page before, as it was."};
}

}  // namespace tenfold::hotel
