// Any text is decoded or refused; what decodes encodes back, and its neighbours are mutual.
#include "geo/geohash.hpp"

#include <cstdlib>

namespace geohash = tenfold::geo::geohash;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto box = geohash::decode(text);
  if (!box) return 0;
  const auto again =
      geohash::encode({(box->south + box->north) / 2, (box->west + box->east) / 2}, static_cast<int>(size));
  if (!again || geohash::decode(*again)->west != box->west) std::abort();
  const auto around = *geohash::neighbors(text);
  for (size_t k = 0; k < around.size(); k++)
    if (!around[k].empty() && (*geohash::neighbors(around[k]))[(k + 4) % 8] != *again) std::abort();
  return 0;
}
