// Places as one JSON text: an answer that needs no aggregation, and one row instead of many on the wire.
#pragma once

#include "kernel/wall.hpp"

#include <span>
#include <string>

#include "hotel/nearby.hpp"

namespace tenfold::hotel {

// [{"hotel_id":1,"distance_m":12.5,"lat":…,"lng":…,"stars":4,"rating":4.35,"price_range":"$$"}, …]; what is
// not known is null. Numbers are the shortest that read back as the same double.
std::string to_json(std::span<const Place> places);

// The same, written where out points, which must have room for most_json_bytes(places.size()); gives the end.
char* write_json(std::span<const Place> places, char* out);

constexpr size_t most_json_bytes(size_t places) {
  // 77 of names and brackets, 76 of numbers and nulls at their longest, 4 of price range, and a comma: 158.
  return 2 + places * 192;
}

}  // namespace tenfold::hotel
