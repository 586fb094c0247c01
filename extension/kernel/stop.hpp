// How a long loop in pure code learns that its caller wants it to stop.
#pragma once

#include "kernel/wall.hpp"

namespace tenfold {

// True once the work should be given up. Must be cheap: it is asked every few hundred steps.
using StopCheck = bool (*)();

inline bool never_stop() {
  return false;
}

}  // namespace tenfold
