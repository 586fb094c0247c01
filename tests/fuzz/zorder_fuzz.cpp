// Any key and any two places: key and cell determine each other, and a key grows with both coordinates.
#include "geo/zorder.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace tenfold::geo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint32_t in[4];
  if (size < sizeof in) return 0;
  std::memcpy(in, data, sizeof in);
  const Cell any{in[0], in[1]};
  if (cell_of_key(key_of(any)) != any) std::abort();

  constexpr uint32_t rows = grid_lat_max + 1, columns = grid_lng_max + 1;
  const Cell a{in[0] % rows, in[1] % columns}, b{in[2] % rows, in[3] % columns};
  if (cell_of(point_of(a)) != a || key_of(a) < 0) std::abort();
  const Cell low{std::min(a.lat, b.lat), std::min(a.lng, b.lng)};
  if (key_of(low) > std::min(key_of(a), key_of(b))) std::abort();
  return 0;
}
