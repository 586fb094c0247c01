// How long a kind of call takes in Postgres, judged by those that were: which lane its next one takes.
#pragma once

#include "kernel/wall.hpp"

#include <algorithm>
#include <chrono>

namespace tenfold::gateway {

// What is not known yet counts as slow: three quick answers show that it is not.
class Pace {
 public:
  using Duration = std::chrono::steady_clock::duration;

  bool is_slow() const { return is_slow_; }

  // One that took long among quick ones says little: a machine has hiccups. Three in a row say enough, and
  // about fifteen quick ones make up for any number.
  void add(Duration took) {
    mean_ += (std::min<Duration>(took, longest) - mean_) / 8;
    if (mean_ > slow_from) is_slow_ = true;
    if (mean_ < quick_below) is_slow_ = false;
  }

 private:
  static constexpr std::chrono::milliseconds slow_from{25}, quick_below{12}, longest{80}, unknown{16};

  Duration mean_ = unknown;  // of late
  bool is_slow_ = true;
};

}  // namespace tenfold::gateway
