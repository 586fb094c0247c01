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

}  // namespace tenfold::hotel
