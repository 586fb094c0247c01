// Any disc and any place: a place within the disc is within its cover.
#include "geo/cover.hpp"

#include <cstdlib>
#include <cstring>

#include "geo/geodesic.hpp"
#include "geo/zorder.hpp"

using namespace tenfold::geo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  double in[5];
  if (size < sizeof in) return 0;
  std::memcpy(in, data, sizeof in);
  const auto origin = checked_point(in[0], in[1]), place = checked_point(in[2], in[3]);
  const auto radius = checked_radius(in[4]);
  if (!origin || !place || !radius) return 0;
  const Point p = point_of(cell_of(*place));
  if (Ruler(*origin).distance_m(p) > *radius) return 0;
  const int64_t key = key_of(cell_of(p));
  for (const KeyRange range : cover_disc(*origin, *radius))
    if (range.low <= key && key <= range.high) return 0;
  std::abort();
}
