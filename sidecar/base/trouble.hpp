// What a worker does when what it needs is away: waits ever longer, and says why once.
#pragma once

#include <chrono>
#include <random>
#include <string>

#include "base/log.hpp"

namespace tenfold::sidecar {

class Trouble {
 public:
  Trouble(const Log& log, std::chrono::milliseconds longest) : log_(log), longest_(longest) {}

  // Logs the reason unless it is the last one, and gives the time to wait: doubled from try to try, and a
  // random part of it, so that not all come back at the same moment.
  std::chrono::milliseconds meet(const std::string& what, const std::string& reason) {
    if (reason != last_) log_.warning(what, {{"error", reason}});
    last_ = reason;
    const auto whole = std::min(longest_, least * (1 << std::min(tries_++, 16)));
    return std::chrono::milliseconds(
        std::uniform_int_distribution<int64_t>(whole.count() / 2, whole.count())(random_));
  }

  void end(const std::string& what) {
    if (tries_ > 0) log_.info(what);
    tries_ = 0;
    last_.clear();
  }

 private:
  static constexpr std::chrono::milliseconds least{50};

  const Log& log_;
  std::chrono::milliseconds longest_;
  int tries_ = 0;
  std::string last_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace tenfold::sidecar
