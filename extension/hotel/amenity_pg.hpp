// The dictionary hotel.amenity, kept in each backend.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::hotel {

// The bits of these codes. Code::unknown_amenity names the first that the dictionary lacks.
int64_t amenity_mask(const std::vector<std::string_view>& codes);

// The first code that the dictionary lacks.
std::optional<std::string_view> unknown_amenity(const std::vector<std::string_view>& codes);

}  // namespace tenfold::hotel
