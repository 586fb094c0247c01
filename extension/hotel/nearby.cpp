#include "hotel/nearby.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <numbers>

#include "kernel/simd.hpp"

namespace tenfold::hotel {
namespace {

[[gnu::always_inline]] inline size_t count_below(const double* values, size_t count, double bound) {
  Integers4 below{};
  for (size_t i = 0; i < count; i += 4) {
    Doubles4 some;
    std::memcpy(&some, values + i, sizeof some);
    below -= some < bound;
  }
  return below[0] + below[1] + below[2] + below[3];
}

TENFOLD_FOR_THIS_MACHINE double bound_of_kth(const double* values, size_t count, size_t k, double high) {
  // Too long a reach is paid for in entries to read, also where one neighbor is much farther than the k-th.
  constexpr int halves = 12;
  double too_low = 0;
  for (int i = 0; i < halves; i++) {
    const double middle = (too_low + high) / 2;
    const bool enough = count_below(values, count, middle) >= k;
    high = enough ? middle : high;
    too_low = enough ? too_low : middle;
  }
  return high;
}

TENFOLD_FOR_THIS_MACHINE void sort_by_counting(const double* values, size_t count, double* sorted) {
  for (size_t i = 0; i < count; i++) sorted[count_below(values, count, values[i])] = values[i];
}

// For the loops above, which take four at a time: behind the last come some that are below nothing.
size_t fill_up(double* values, size_t count) {
  while (count % 4) values[count++] = std::numeric_limits<double>::infinity();
  return count;
}

}  // namespace

geo::Point Box::center() const {
  const double lng = west + width() / 2;
  return {(south + north) / 2, lng > 180 ? lng - 360 : lng};
}

double Box::radius_m() const {
  constexpr double meters_per_degree = geo::wgs84::a * std::numbers::pi / 180;
  // A meridian's degree is longest at the poles, by e² of the equator's radius; a parallel's by less.
  constexpr double stretch = 1.01;
  const double widest = south <= 0 && north >= 0
                            ? 1
                            : std::cos(std::min(std::abs(south), std::abs(north)) * std::numbers::pi / 180);
  return std::min(geo::max_distance_m,
                  stretch * meters_per_degree * ((north - south) / 2 + width() / 2 * widest) + 1);
}

void NearestFirst::start(std::span<const Candidate> candidates) {
  ranks_.resize(candidates.size());
  for (size_t i = 0; i < candidates.size(); i++)
    ranks_[i] = (std::bit_cast<uint64_t>(candidates[i].rough_m) & upper_half) | i;
  at_ = 0;
  is_heap_ = ranks_.size() > most_counted;
  if (is_heap_)
    std::make_heap(ranks_.begin(), ranks_.end(), std::greater{});
  else
    sort_all();
}

size_t NearestFirst::take() {
  if (!is_heap_) return static_cast<uint32_t>(ranks_[at_++]);
  std::pop_heap(ranks_.begin(), ranks_.end(), std::greater{});
  const auto taken = static_cast<uint32_t>(ranks_.back());
  ranks_.pop_back();
  return taken;
}

void NearestFirst::sort_all() {
  std::array<double, most_counted> ranks;
  for (size_t i = 0; i < ranks_.size(); i++) ranks[i] = std::bit_cast<double>(ranks_[i]);
  std::array<double, most_counted> sorted;
  sort_by_counting(ranks.data(), fill_up(ranks.data(), ranks_.size()), sorted.data());
  for (size_t i = 0; i < ranks_.size(); i++) ranks_[i] = std::bit_cast<uint64_t>(sorted[i]);
}

double Distances::bound_of(size_t k) {
  const double most = *std::max_element(held_.begin(), held_.begin() + size_);
  return bound_of_kth(held_.data(), fill_up(held_.data(), size_), k, most);
}

}  // namespace tenfold::hotel
