// With errors that should pass, of the effects of one event: whose come again and again are its own fault.
// Pure.
#pragma once

#include "kernel/wall.hpp"

#include <chrono>
#include <string_view>

namespace tenfold::sidecar {

class Patience {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Its effects were refused once more. True: enough is enough.
  bool is_over(std::string_view sqlstate, Time now) {
    if (refusals_++ == 0) since_ = now;
    // A statement that outlasted its time would do so again.
    if (sqlstate == "57014") return true;
    // Conflicts with others (class 40) and a server that stops (57P0x) pass by themselves; locks and objects
    // that are not ready (class 55) or limits (class 53) may be what a function always finds.
    const bool is_of_others = sqlstate.starts_with("40") || sqlstate.starts_with("57P0");
    return refusals_ >= (is_of_others ? 100 : 10) ||
           now - since_ >= std::chrono::seconds(is_of_others ? 30 : 2);
  }

 private:
  int refusals_ = 0;
  Time since_{};
};

}  // namespace tenfold::sidecar
