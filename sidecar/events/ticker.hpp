// Ticks and rotates the log of events: what is published is seen by consumers from the next tick on.
#pragma once

#include <chrono>
#include <functional>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

class Ticker {
 public:
  // on_tick: a new tick is there. Another instance may have made it.
  Ticker(Loop& loop, const Log& log, WorkerDatabase& database, std::chrono::milliseconds every,
         std::function<void()> on_tick);

  void start();
  void drain() { draining_ = true; }

 private:
  Task<void> tick_for_ever();
  Task<void> rotate_for_ever();

  Loop& loop_;
  const Log& log_;
  WorkerDatabase& database_;
  std::chrono::milliseconds every_;
  std::function<void()> on_tick_;
  Statement tick_, rotate_;
  bool draining_ = false;
};

}  // namespace tenfold::sidecar
