#include "hotel/filter.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;
using tenfold::hotel::Attributes;

// Frozen: a generated column of hotel.hotel, and the index over it, hold its results. NULL is "not known".
TF_FUNCTION(tf_hotel_attributes) {
  const Attributes known{
      .stars = args.maybe<int32_t>(0).value_or(0),
      .price_range = args.maybe<int32_t>(1).value_or(0),
      .rating_hundredths = static_cast<int>(std::llround(args.maybe<double>(2).value_or(0) * 100)),
  };
  return pg::datum(pack(known));
}
