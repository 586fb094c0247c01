// What a hotel offers, packed into two integers that an index entry carries, and the test of a search against
// them.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::hotel {

inline constexpr int most_stars = 5;
inline constexpr int price_ranges = 4;  // "$" … "$$$$"
inline constexpr double best_rating = 5;

// 0 stands for "not known" in each field, and passes no filter on that field.
struct Attributes {
  int stars = 0;              // 1 … 5
  int price_range = 0;        // 1 … 4
  int rating_hundredths = 0;  // 0 … 500: the guests' average
};

// Frozen: the index holds its results. Bits 0–2 stars, 3–5 price range, 6–14 rating.
constexpr int32_t pack(Attributes a) {
  return a.stars | a.price_range << 3 | a.rating_hundredths << 6;
}

constexpr Attributes unpack(int32_t packed) {
  return {packed & 7, packed >> 3 & 7, packed >> 6};
}

// "$" … "$$$$"; empty for 0.
constexpr std::string_view price_text(int range) {
  return std::string_view("$$$$").substr(0, range);
}

struct Filter {
  int64_t amenities = 0;  // every one of these bits
  int min_stars = 0;
  int min_rating_hundredths = 0;
  uint32_t prices = ~0U;  // bit r: price range r is welcome

  bool passes_all() const {
    return !amenities && min_stars <= 0 && min_rating_hundredths <= 0 && prices == ~0U;
  }

  bool passes(int64_t offered, int32_t packed) const {
    const Attributes a = unpack(packed);
    return ((offered & amenities) == amenities) & (a.stars >= min_stars) &
           (a.rating_hundredths >= min_rating_hundredths) & (prices >> a.price_range & 1);
  }
};

// A search's wishes as given; empty means "any".
struct Wishes {
  std::optional<int32_t> min_stars;
  std::optional<double> min_rating;
  std::vector<std::string_view> prices;  // "$" … "$$$$", any of them
};

// Code::invalid_filter names what is out of range. Amenities are added by whoever knows the dictionary.
Result<Filter> filter_of(const Wishes& wishes);

}  // namespace tenfold::hotel
