// The search for hotels near a point: complete, nearest first, exact on WGS84, from index entries alone.
//
// 1. A probe of the entries around the origin's key tells how far the wanted number of hotels probably
// reaches.
// 2. The disc of that reach becomes a few key ranges, proven to contain it (geo/cover.hpp). All their entries
// that
//    pass the filter and lie roughly within the reach are gathered.
// 3. Nearest first by estimate, the gathered are measured exactly until no estimate left could still change
// the
//    answer. Too few? The reach doubles, up to the radius.
//
// It is a template over what it reads, so that the same search runs over index pages and over a test's sorted
// array.
#pragma once

#include "kernel/wall.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "geo/cover.hpp"
#include "geo/geodesic.hpp"
#include "geo/zorder.hpp"
#include "hotel/filter.hpp"

namespace tenfold::hotel {

// An index entry.
struct Entry {
  int64_t key;  // geo::key_of
  int64_t hotel_id;
  int64_t amenities;
  int32_t attributes;  // pack()
};

// An entry that a search may answer.
struct Candidate {
  double rough_m;
  int64_t key;
  int64_t hotel_id;
  int32_t attributes;
  bool settled;  // known to be visible; else the row must be looked at
  uint64_t row;  // where the row is, in the source's own terms
};

// Entries as a source hands them over, so that their distances are estimated together.
class Batch {
 public:
  static constexpr size_t most = 64;

  size_t size() const { return size_; }
  bool is_full() const { return size_ == most; }
  const Entry& operator[](size_t i) const { return *entries_[i]; }
  // The entry must stay where it is until the batch is done with.
  void add(const Entry& e) {
    keys_[size_] = e.key;
    entries_[size_++] = &e;
  }
  void clear() { size_ = 0; }

  // The estimates of all, in the memory given.
  using Estimates = std::array<double, most>;
  void estimate(const geo::Ruler& ruler, Estimates& out) {
    size_t end = size_;
    while (end % 4) keys_[end++] = 0;
    ruler.rough_m({keys_.data(), end}, {out.data(), end});
  }

 private:
  size_t size_ = 0;
  std::array<int64_t, most> keys_;
  std::array<const Entry*, most> entries_;
};

struct Place {
  double distance_m;
  int64_t hotel_id;
  int64_t key;
  int32_t attributes;
  uint64_t row = 0;  // where the rest of it is

  friend bool operator<(const Place& a, const Place& b) {
    return a.distance_m < b.distance_m || (a.distance_m == b.distance_m && a.hotel_id < b.hotel_id);
  }
};

// The last place of the page before.
struct Cursor {
  double distance_m;
  int64_t hotel_id;
};

// A rectangle in degrees, edges included; west > east crosses the date line.
struct Box {
  double south, west, north, east;

  double width() const { return east >= west ? east - west : east - west + 360; }
  geo::Point center() const;
  // No hotel inside is farther from the center: half the height along a meridian, half the width along a
  // parallel.
  double radius_m() const;
};

// A Box on the grid, for a test without floating point.
struct Area {
  geo::Cell south_west, north_east;

  explicit Area(const Box& box)
      : south_west(geo::cell_of({box.south, box.west})), north_east(geo::cell_of({box.north, box.east})) {}

  bool contains(geo::Cell c) const {
    if (c.lat < south_west.lat || c.lat > north_east.lat) return false;
    const bool beyond_west = c.lng >= south_west.lng, before_east = c.lng <= north_east.lng;
    return south_west.lng <= north_east.lng ? beyond_west && before_east : beyond_west || before_east;
  }
};

struct Search {
  geo::Point origin;
  double radius_m = geo::max_distance_m;  // without a wish: the whole Earth, so the nearest wherever they are
  Filter filter;
  std::optional<Area> area;
  size_t limit = 20;
  std::optional<Cursor> after;
};

// The estimated distances of what a probe has met.
class Distances {
 public:
  size_t size() const { return size_; }
  void append_if(bool wanted, double distance) {
    held_[size_] = distance;
    size_ += wanted;
  }
  // Not less than the k-th smallest, and hardly more: between the ends by halves, which counts without jumps
  // where a selection guesses wrong at every second comparison.
  double bound_of(size_t k);

 private:
  std::array<double, Batch::most + 4> held_;
  size_t size_ = 0;
};

// The numbers of candidates by estimate. It orders 64-bit ranks: above, the upper half of the estimate's
// bits, which compares as the estimate does and is never above it (by a millionth below); below, the number.
class NearestFirst {
 public:
  void start(std::span<const Candidate> candidates);

  bool is_done() const { return at_ == ranks_.size(); }
  // At most the estimate of each that was not taken yet.
  double least_rough() const { return std::bit_cast<double>(front() & upper_half); }
  size_t take();

 private:
  static constexpr uint64_t upper_half = 0xffffffff00000000;
  // So few are sorted at once, by counting for each how many are smaller. Of more, a heap gives what is
  // asked.
  static constexpr size_t most_counted = 64;

  uint64_t front() const { return ranks_[is_heap_ ? 0 : at_]; }
  void sort_all();

  std::vector<uint64_t> ranks_;
  size_t at_ = 0;
  bool is_heap_ = false;
};

// A Source reads index entries in key order:
//   source.around(key, visit)          passes a Batch of entries from either side of the key to visit
//   source.in_range(range, visit, out) passes every entry of the range, in batches, to visit, which appends
//                                      candidates to out; the source then says which of them are settled
//   source.row_of(entry)               where the row of an entry it has just passed is
//   source.is_live(candidate)          whether the row of an unsettled candidate is visible
template <class Source>
class NearbySearch {
 public:
  NearbySearch(const Search& search, Source& source)
      : search_(search),
        takes_all_(search.filter.passes_all() && !search.area),
        source_(source),
        ruler_(search.origin, std::min(search.radius_m, sharp_reach_m)) {}

  std::vector<Place> run() {
    for (double reach = first_reach();; reach *= 2) {
      reach = std::min(reach, search_.radius_m);
      gather(reach);
      settle(reach);
      if (found_.size() >= search_.limit || reach >= search_.radius_m) break;
    }
    if (found_.size() > search_.limit) found_.resize(search_.limit);
    return std::move(found_);
  }

 private:
  // Up to here the ruler's planar estimate holds, which takes a tenth of the time of the other one.
  static constexpr double sharp_reach_m = 50'000;
  // A probe's answer beyond this says more about an empty neighbourhood than about the nearest hotels.
  static constexpr double far_m = 20'000;
  static constexpr double far_step = 16;
  static constexpr size_t typical_candidates = 128;

  // A disc that probably holds `limit` matches, from the neighbours in key order.
  double first_reach() {
    const double least_m = search_.after ? least_rough(search_.after->distance_m) : 0;
    Distances matches =
        probe([&](const Entry& e, double rough) { return is_wanted(e) & (rough >= least_m); });
    return matches.size() >= search_.limit ? from_probe(matches.bound_of(search_.limit))
                                           : from_density(matches.size());
  }

  // The estimated distances of the neighbours that `counts`.
  template <class Counts>
  Distances probe(Counts counts) {
    Distances distances;
    source_.around(geo::key_of(geo::cell_of(search_.origin)), [&](Batch& batch) {
      Batch::Estimates rough;
      batch.estimate(ruler_, rough);
      for (size_t i = 0; i < batch.size(); i++) distances.append_if(counts(batch[i], rough[i]), rough[i]);
    });
    return distances;
  }

  // The k-th match among some entries bounds the distance of the k-th among all.
  double from_probe(double bound) {
    bound = bound * (1 + 2 * ruler_.slack()) + 1e-3;
    return bound <= far_m ? bound : bound / far_step;
  }

  // Too few matches nearby: how near half of the neighbours lie, and what share of them matches, tells how
  // far to go.
  double from_density(size_t matches) {
    Distances all = probe([](const Entry&, double) { return true; });
    if (!all.size()) return search_.radius_m;
    const double share = (matches + 0.5) / (all.size() + 1.0);
    const double wanted = search_.limit / share;
    const double half = std::max(all.bound_of((all.size() + 1) / 2), 1.0);
    const double reach = half * std::sqrt(1.2 * wanted / (all.size() / 2.0));
    return std::max(reach, search_.after ? search_.after->distance_m * 1.1 : 0);
  }

  bool is_wanted(const Entry& e) const {
    return takes_all_ || (search_.filter.passes(e.amenities, e.attributes) &&
                          (!search_.area || search_.area->contains(geo::cell_of_key(e.key))));
  }

  // No place at this distance, or beyond, has a smaller estimate.
  double least_rough(double distance) const { return (distance - 1e-3) / (1 + 2 * ruler_.slack()); }

  void gather(double reach) {
    candidates_.clear();
    candidates_.reserve(typical_candidates);
    ruler_ = geo::Ruler(search_.origin, reach);
    const double limit_m = reach * (1 + 2 * ruler_.slack()) + 1e-3;
    const double least_m = search_.after ? least_rough(search_.after->distance_m) : 0;
    auto visit = [&](Batch& batch) { choose(batch, least_m, limit_m); };
    for (geo::KeyRange range : geo::cover_disc(search_.origin, reach))
      source_.in_range(range, visit, candidates_);
  }

  // Of the entries read some 40 % are near enough, in an order that no processor foresees: so they are picked
  // without a jump, by writing the number of each and counting it or not.
  void choose(Batch& batch, double least_m, double limit_m) {
    Batch::Estimates rough;
    batch.estimate(ruler_, rough);
    std::array<uint8_t, Batch::most> chosen;
    size_t count = 0;
    const auto pick = [&](auto wanted) {
      for (size_t i = 0; i < batch.size(); i++) {
        chosen[count] = static_cast<uint8_t>(i);
        count += (rough[i] <= limit_m) & (rough[i] >= least_m) & wanted(batch[i]);
      }
    };
    if (takes_all_)
      pick([](const Entry&) { return true; });
    else
      pick([&](const Entry& e) { return is_wanted(e); });
    for (size_t k = 0; k < count; k++) {
      const Entry& e = batch[chosen[k]];
      candidates_.push_back({rough[chosen[k]], e.key, e.hotel_id, e.attributes, false, source_.row_of(e)});
    }
  }

  // Measures candidates, nearest first by estimate, until the next one cannot be among the first `limit`.
  void settle(double reach) {
    found_.clear();
    found_.reserve(std::min(search_.limit, typical_candidates));
    order_.start(candidates_);
    while (!order_.is_done() && !is_decided(order_.least_rough())) {
      const Candidate& a = candidates_[order_.take()];
      const Candidate& b = order_.is_done() ? a : candidates_[order_.take()];
      const geo::Pair distances = ruler_.distances_m(point_of(a), point_of(b));
      consider(a, distances[0], reach);
      if (&a != &b) consider(b, distances[1], reach);
    }
  }

  static geo::Point point_of(const Candidate& c) { return geo::point_of(geo::cell_of_key(c.key)); }

  // Whether no place of this estimate, or a larger one, can still enter the answer.
  bool is_decided(double rough) const {
    if (found_.size() < search_.limit) return false;
    return rough * (1 - 2 * ruler_.slack()) - 1e-3 > found_[search_.limit - 1].distance_m;
  }

  void consider(const Candidate& c, double distance, double reach) {
    const Place place{distance, c.hotel_id, c.key, c.attributes, c.row};
    if (distance > reach || !comes_after(place)) return;
    if (!c.settled && !source_.is_live(c)) return;
    // Estimates come almost in order, so this is an append, or nearly.
    if (found_.empty() || found_.back() < place)
      found_.push_back(place);
    else
      found_.insert(std::upper_bound(found_.begin(), found_.end(), place), place);
  }

  bool comes_after(const Place& place) const {
    return !search_.after || Place{search_.after->distance_m, search_.after->hotel_id, 0, 0} < place;
  }

  const Search search_;
  const bool takes_all_;  // no filter, no area
  Source& source_;
  geo::Ruler ruler_;
  std::vector<Candidate> candidates_;
  NearestFirst order_;
  std::vector<Place> found_;
};

}  // namespace tenfold::hotel
