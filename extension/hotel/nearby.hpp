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
#include <cmath>
#include <cstdint>
#include <optional>
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

struct Place {
  double distance_m;
  int64_t hotel_id;
  int64_t key;
  int32_t attributes;

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

// A Source reads index entries in key order:
//   source.around(key, accept, out)    some entries on either side of the key
//   source.in_range(range, accept, out)   every entry of the range
// pass each entry to accept(const Entry&), which gives its rough distance or nothing, and append what was
// accepted;
//   source.is_live(candidate)   whether the row of an unsettled candidate is visible
template <class Source>
class NearbySearch {
 public:
  NearbySearch(const Search& search, Source& source)
      : search_(search), source_(source), ruler_(search.origin, std::min(search.radius_m, sharp_reach_m)) {}

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
    std::vector<double> matches =
        probe([this](const Entry& e, double rough) { return is_wanted(e) && is_after(rough); });
    return matches.size() >= search_.limit ? from_probe(kth(matches, search_.limit))
                                           : from_density(matches.size());
  }

  // The estimated distances of the neighbours that `counts`.
  template <class Counts>
  std::vector<double> probe(Counts counts) {
    std::vector<double> distances;
    distances.reserve(64);
    source_.around(geo::key_of(geo::cell_of(search_.origin)), [&](const Entry& e) {
      const double rough = ruler_.rough_m(geo::cell_of_key(e.key));
      if (counts(e, rough)) distances.push_back(rough);
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
    std::vector<double> all = probe([](const Entry&, double) { return true; });
    if (all.empty()) return search_.radius_m;
    const double share = (matches + 0.5) / (all.size() + 1.0);
    const double wanted = search_.limit / share;
    const double half = std::max(kth(all, (all.size() + 1) / 2), 1.0);
    const double reach = half * std::sqrt(1.2 * wanted / (all.size() / 2.0));
    return std::max(reach, search_.after ? search_.after->distance_m * 1.1 : 0);
  }

  static double kth(std::vector<double>& values, size_t k) {
    std::nth_element(values.begin(), values.begin() + (k - 1), values.end());
    return values[k - 1];
  }

  bool is_wanted(const Entry& e) const {
    return search_.filter.passes(e.amenities, e.attributes) &&
           (!search_.area || search_.area->contains(geo::cell_of_key(e.key)));
  }

  // Whether a place at this estimate may come after the cursor.
  bool is_after(double rough) const {
    return !search_.after || rough * (1 + 2 * ruler_.slack()) + 1e-3 >= search_.after->distance_m;
  }

  void gather(double reach) {
    candidates_.clear();
    candidates_.reserve(typical_candidates);
    ruler_ = geo::Ruler(search_.origin, reach);
    const double limit_m = reach * (1 + 2 * ruler_.slack()) + 1e-3;
    auto accept = [&](const Entry& e) -> std::optional<double> {
      if (!is_wanted(e)) return std::nullopt;
      const double rough = ruler_.rough_m(geo::cell_of_key(e.key));
      if (rough > limit_m || !is_after(rough)) return std::nullopt;
      return rough;
    };
    for (geo::KeyRange range : geo::cover_disc(search_.origin, reach))
      source_.in_range(range, accept, candidates_);
  }

  // Measures candidates, nearest first by estimate, until the next one cannot be among the first `limit`.
  void settle(double reach) {
    found_.clear();
    auto farther = [](const Candidate& a, const Candidate& b) { return a.rough_m > b.rough_m; };
    std::make_heap(candidates_.begin(), candidates_.end(), farther);
    for (auto end = candidates_.end(); end != candidates_.begin(); --end) {
      if (is_decided(candidates_.front().rough_m)) return;
      std::pop_heap(candidates_.begin(), end, farther);
      consider(*(end - 1), reach);
    }
  }

  // Whether no place of this estimate, or a larger one, can still enter the answer.
  bool is_decided(double rough) const {
    if (found_.size() < search_.limit) return false;
    return rough * (1 - 2 * ruler_.slack()) - 1e-3 > found_[search_.limit - 1].distance_m;
  }

  void consider(const Candidate& c, double reach) {
    const double distance = ruler_.distance_m(geo::point_of(geo::cell_of_key(c.key)));
    const Place place{distance, c.hotel_id, c.key, c.attributes};
    if (distance > reach || !comes_after(place)) return;
    if (!c.settled && !source_.is_live(c)) return;
    // Estimates come almost in order, so this is an append, or nearly.
    found_.insert(std::upper_bound(found_.begin(), found_.end(), place), place);
  }

  bool comes_after(const Place& place) const {
    return !search_.after || Place{search_.after->distance_m, search_.after->hotel_id, 0, 0} < place;
  }

  const Search search_;
  Source& source_;
  geo::Ruler ruler_;
  std::vector<Candidate> candidates_;
  std::vector<Place> found_;
};

}  // namespace tenfold::hotel
