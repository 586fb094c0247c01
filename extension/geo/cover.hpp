// Which part of a Z-order index must be read to see a whole disc or box.
#pragma once

#include "kernel/wall.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

#include "geo/point.hpp"

namespace tenfold::geo {

// Keys low … high, both included.
struct KeyRange {
  int64_t low;
  int64_t high;
};

// Ascending ranges that neither overlap nor touch. Holds no heap memory: it may live across a longjmp.
class Ranges {
 public:
  static constexpr size_t capacity = 32;

  const KeyRange* begin() const { return held_.data(); }
  const KeyRange* end() const { return held_.data() + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const KeyRange& operator[](size_t i) const { return held_[i]; }

  void push_back(KeyRange range) { held_.at(size_++) = range; }

 private:
  std::array<KeyRange, capacity> held_;
  size_t size_ = 0;
};

// Contains the key of every cell c with Ruler(origin).distance_m(point_of(c)) <= radius_m, and some more
// around.
Ranges cover_disc(Point origin, double radius_m);

}  // namespace tenfold::geo
