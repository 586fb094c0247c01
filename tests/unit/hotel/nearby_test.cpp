// The search over a sorted array, against a look at every entry.
#include "hotel/nearby.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <unordered_set>

#include "../geo/place_sampler.hpp"

namespace tenfold::hotel {
namespace {

using geo::PlaceSampler;
using geo::Point;

// What an index is to the search: entries in key order. Some rows are dead, and the search must ask.
class SortedArray {
 public:
  explicit SortedArray(std::vector<Entry> entries) : entries_(std::move(entries)) {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  }

  template <class Visit>
  void around(int64_t key, Visit&& visit) {
    const auto at = first_at_least(key) - entries_.begin();
    const auto from = std::max<ptrdiff_t>(0, at - 32), to = std::min<ptrdiff_t>(entries_.size(), at + 32);
    Batch batch;
    for (auto i = from; i < to; i++) batch.add(entries_[i]);
    visit(batch);
  }

  template <class Visit>
  void in_range(geo::KeyRange range, Visit&& visit, std::vector<Candidate>& out) {
    const size_t known = out.size();
    Batch batch;
    for (auto e = first_at_least(range.low); e != entries_.end() && e->key <= range.high; ++e, ++read) {
      if (batch.is_full()) visit(batch), batch.clear();
      batch.add(*e);
    }
    visit(batch);
    for (size_t i = known; i < out.size(); i++) out[i].settled = !may_be_dead(out[i].hotel_id);
  }

  static uint64_t row_of(const Entry& e) { return static_cast<uint64_t>(e.hotel_id); }
  bool is_live(const Candidate& c) { return !dead.contains(static_cast<int64_t>(c.row)); }

  const std::vector<Entry>& entries() const { return entries_; }

  std::unordered_set<int64_t> dead;
  size_t read = 0;

 private:
  bool may_be_dead(int64_t id) const { return dead.contains(id) || id % 5 == 0; }

  std::vector<Entry>::const_iterator first_at_least(int64_t key) const {
    return std::lower_bound(entries_.begin(), entries_.end(), key,
                            [](const Entry& e, int64_t k) { return e.key < k; });
  }

  std::vector<Entry> entries_;
};

// Everywhere, in clusters, and many at one place.
SortedArray make_world(PlaceSampler& random, int count) {
  std::vector<Entry> entries;
  Point city{};
  for (int id = 1; id <= count; id++) {
    if (id % 400 == 1) city = random.place();
    const Point p = id % 3 == 0   ? random.place()
                    : id % 7 == 0 ? city
                                  : random.at_distance(city, random.log_uniform(1, 5));
    const int32_t attributes = pack({id % 6, id % 5, id % 501});
    entries.push_back({geo::key_of(geo::cell_of(p)), id, id * 2654435761LL & 15, attributes});
  }
  return SortedArray(std::move(entries));
}

// The distance on a sphere errs by 0.56 % at most: so it tells of most places that they are not among the
// nearest, and the geodesic, a microsecond each, need only be asked about the others.
class Sphere {
 public:
  explicit Sphere(const std::vector<Entry>& entries) {
    for (const Entry& e : entries) places_.push_back(vector_of(geo::point_of(geo::cell_of_key(e.key))));
  }

  // From origin to each entry, in their order.
  std::vector<double> distances_m(Point origin) const {
    const Vector from = vector_of(origin);
    std::vector<double> all;
    for (const Vector& to : places_) {
      const double chord = std::hypot(to.x - from.x, to.y - from.y, to.z - from.z);
      all.push_back(2 * 6'371'009 * std::asin(std::min(1.0, chord / 2)));
    }
    return all;
  }

 private:
  struct Vector {
    double x, y, z;
  };

  static Vector vector_of(Point p) {
    const double lat = p.lat * M_PI / 180, lng = p.lng * M_PI / 180;
    return {std::cos(lat) * std::cos(lng), std::cos(lat) * std::sin(lng), std::sin(lat)};
  }

  std::vector<Vector> places_;
};

bool passes(const Search& search, const SortedArray& world, const Entry& e) {
  return search.filter.passes(e.amenities, e.attributes) && !world.dead.contains(e.hotel_id) &&
         (!search.area || search.area->contains(geo::cell_of_key(e.key)));
}

// The nearest by a look at every entry.
std::vector<Place> look_at_all(const Search& search, const SortedArray& world, const Sphere& sphere) {
  const auto rough = sphere.distances_m(search.origin);
  std::vector<size_t> passing;
  for (size_t i = 0; i < rough.size(); i++)
    if (rough[i] < search.radius_m * 1.01 + 1 && passes(search, world, world.entries()[i]))
      passing.push_back(i);
  if (passing.size() > search.limit) {
    const auto last = passing.begin() + static_cast<ptrdiff_t>(search.limit) - 1;
    std::ranges::nth_element(passing, last, {}, [&](size_t i) { return rough[i]; });
    const double most = rough[*last] * 1.02 + 1;
    std::erase_if(passing, [&](size_t i) { return rough[i] > most; });
  }
  const geo::Ruler ruler(search.origin);
  std::vector<Place> found;
  for (const size_t i : passing) {
    const Entry& e = world.entries()[i];
    const double distance_m = ruler.distance_m(geo::point_of(geo::cell_of_key(e.key)));
    if (distance_m <= search.radius_m) found.push_back({distance_m, e.hotel_id, e.key, e.attributes});
  }
  std::sort(found.begin(), found.end());
  found.resize(std::min(found.size(), search.limit));
  return found;
}

Search search_at(Point origin) {
  Search search;
  search.origin = origin;
  return search;
}

Search random_search(PlaceSampler& random, const SortedArray& world, int i) {
  Search search;
  const Entry& some = world.entries()[static_cast<size_t>(random.uniform() * world.entries().size())];
  search.origin = i % 4 ? geo::point_of(geo::cell_of_key(some.key)) : random.place();
  if (i % 3) search.radius_m = random.log_uniform(1.7, 6.3);
  if (i % 2) search.filter = *filter_of({i % 6, (i % 50) / 10.0, {}});
  if (i % 8 == 1) search.filter.amenities = i % 16;
  search.limit = size_t{1} << i % 8;
  return search;
}

void expect_same(const Search& search, SortedArray& world, const Sphere& sphere) {
  const auto ours = NearbySearch<SortedArray>(search, world).run();
  const auto truth = look_at_all(search, world, sphere);
  ASSERT_EQ(ours.size(), truth.size())
      << search.origin.lat << ' ' << search.origin.lng << ' ' << search.radius_m;
  for (size_t k = 0; k < ours.size(); k++) EXPECT_EQ(ours[k].hotel_id, truth[k].hotel_id);
}

}  // namespace

TEST(NearbySearch, FindsWhatALookAtAllFinds) {
  PlaceSampler random(11);
  SortedArray world = make_world(random, 20'000);
  for (int id = 1; id < 20'000; id += 3) world.dead.insert(id);
  const Sphere sphere(world.entries());
  for (int i = 0; i < 1'500; i++) expect_same(random_search(random, world, i), world, sphere);
}

TEST(NearbySearch, PagesAreTheList) {
  PlaceSampler random(12);
  SortedArray world = make_world(random, 5'000);
  for (int i = 0; i < 100; i++) {
    Search search = random_search(random, world, i);
    search.limit = 300;
    const auto whole = NearbySearch<SortedArray>(search, world).run();
    search.limit = 1 + i % 40;
    for (size_t seen = 0; seen < whole.size();) {
      const auto page = NearbySearch<SortedArray>(search, world).run();
      ASSERT_FALSE(page.empty());
      for (size_t k = 0; k < page.size() && seen < whole.size(); k++)
        EXPECT_EQ(page[k].hotel_id, whole[seen++].hotel_id);
      search.after = Cursor{page.back().distance_m, page.back().hotel_id};
    }
  }
}

TEST(NearbySearch, ABoxIsSearchedFromItsCenter) {
  PlaceSampler random(13);
  SortedArray world = make_world(random, 10'000);
  const Sphere sphere(world.entries());
  for (int i = 0; i < 400; i++) {
    const double south = random.uniform() * 170 - 90, west = random.uniform() * 360 - 180;
    const double width = random.log_uniform(-1, 2.5);
    const Box box{south, west, std::min(90.0, south + random.log_uniform(-1, 1.9)),
                  std::remainder(west + width, 360)};
    Search search;
    search.origin = box.center();
    search.radius_m = box.radius_m();
    search.area = Area(box);
    search.limit = 100'000;
    const size_t found = NearbySearch<SortedArray>(search, world).run().size();
    search.radius_m = geo::max_distance_m;
    EXPECT_EQ(found, look_at_all(search, world, sphere).size()) << south << ' ' << west << ' ' << width;
  }
}

TEST(Distances, BoundsTheKthFromAbove) {
  PlaceSampler random(15);
  for (int i = 0; i < 2'000; i++) {
    std::vector<double> all(1 + i % Batch::most);
    Distances distances;
    for (double& d : all) distances.append_if(true, d = i % 3 ? random.log_uniform(0, 6) : i % 7);
    std::sort(all.begin(), all.end());
    for (size_t k = 1; k <= all.size(); k++) {
      const double bound = distances.bound_of(k);
      EXPECT_GE(bound, all[k - 1]);
      EXPECT_LE(bound, all[k - 1] + all.back() / 200);
    }
  }
}

TEST(NearestFirst, GivesEachOnceInOrder) {
  PlaceSampler random(16);
  for (size_t count = 0; count < 200; count++) {
    std::vector<Candidate> candidates(count);
    for (Candidate& c : candidates)
      c.rough_m = count % 2 ? random.log_uniform(0, 6) : static_cast<double>(count % 5);
    NearestFirst order;
    order.start(candidates);
    std::vector<bool> seen(count);
    double last = 0;
    for (size_t i = 0; i < count; i++) {
      ASSERT_FALSE(order.is_done());
      const double least = order.least_rough();
      const size_t taken = order.take();
      EXPECT_LE(least, candidates[taken].rough_m);
      EXPECT_GE(least, candidates[taken].rough_m * (1 - 1e-6));
      EXPECT_GE(least, last);
      EXPECT_FALSE(seen[taken]);
      seen[taken] = true;
      last = least;
    }
    EXPECT_TRUE(order.is_done());
  }
}

TEST(NearbySearch, AnEmptyWorldIsNoTrouble) {
  SortedArray world({});
  EXPECT_TRUE(NearbySearch<SortedArray>(search_at({1, 2}), world).run().empty());
}

TEST(NearbySearch, ReadsLittleMoreThanItAnswers) {
  PlaceSampler random(14);
  std::vector<Entry> entries;
  for (int id = 1; id <= 100'000; id++)
    entries.push_back(
        {geo::key_of(geo::cell_of({random.uniform() - 0.5, random.uniform() - 0.5})), id, 0, 0});
  SortedArray world(std::move(entries));
  for (int i = 0; i < 1'000; i++) {
    Search search = search_at({random.uniform() * 0.8 - 0.4, random.uniform() * 0.8 - 0.4});
    search.radius_m = 5'000;
    NearbySearch<SortedArray>(search, world).run();
  }
  EXPECT_LT(world.read / 1'000, 200U) << "entries read for 20 answers, of some 640 in the disc";
}

}  // namespace tenfold::hotel
