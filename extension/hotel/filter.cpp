#include "hotel/filter.hpp"

#include <cmath>
#include <sstream>
#include <string>

namespace tenfold::hotel {
namespace {

std::string text_of(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

Error bad_filter(const std::string& message, const char* hint) {
  return {Code::invalid_filter, message, hint};
}

// The bit of one price range, or 0.
uint32_t price_bit(std::string_view text) {
  for (int range = 1; range <= price_ranges; range++)
    if (text == price_text(range)) return 1U << range;
  return 0;
}

}  // namespace

Result<Filter> filter_of(const Wishes& wishes) {
  Filter filter;
  if (wishes.min_stars) {
    if (*wishes.min_stars < 0 || *wishes.min_stars > most_stars)
      return bad_filter("minimum stars " + std::to_string(*wishes.min_stars) + " out of range",
                        "Stars run from 0 to 5.");
    filter.min_stars = *wishes.min_stars;
  }
  if (wishes.min_rating) {
    if (!(*wishes.min_rating >= 0 && *wishes.min_rating <= best_rating))
      return bad_filter("minimum rating " + text_of(*wishes.min_rating) + " out of range",
                        "The guests' average runs from 0 to 5.");
    // Up to the next hundredth: 4.301 asks for 4.31, as the column has two digits.
    filter.min_rating_hundredths = static_cast<int>(std::ceil(*wishes.min_rating * 100 - 1e-9));
  }
  if (!wishes.prices.empty()) filter.prices = 0;
  for (std::string_view text : wishes.prices) {
    const uint32_t bit = price_bit(text);
    if (!bit)
      return bad_filter("price range \"" + std::string(text) + "\" unknown",
                        "Price ranges are $, $$, $$$ and $$$$.");
    filter.prices |= bit;
  }
  return filter;
}

}  // namespace tenfold::hotel
