// What GET /hotels/nearby is asked, as texts and kilometers: checked and read here, since each expression of
// a function in PL/pgSQL is prepared anew for each request, which takes longer than reading them all.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "hotel/nearby.hpp"

namespace tenfold::hotel {

// The parts between commas; of an empty text none.
std::vector<std::string_view> parts_of(std::string_view list);
// Kilometers as meters; as far as the Earth is large, everywhere.
Result<double> radius_m_of(double km);
Result<size_t> page_limit(int32_t limit);

// The cursor is the last hotel's distance and id: a page never repeats or skips, whatever is written
// meanwhile. Here are their texts; the server reads the numbers.
struct CursorText {
  std::string distance_m, hotel_id;
};
Result<CursorText> cursor_of(std::string_view text);

}  // namespace tenfold::hotel
