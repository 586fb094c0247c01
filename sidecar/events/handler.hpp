// One handler, three sources: what a worker declares for one event, whether the log, a job queue or Kafka
// brings it. The runtime owns leases, retries and the end; the handler knows the event, and says what is to
// happen.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "events/event.hpp"
#include "postgres/statement.hpp"

namespace tenfold::sidecar {

// An event while its handler runs.
class Delivery {
 public:
  using Clock = std::chrono::steady_clock;

  Delivery(Event event, Clock::time_point deadline) : event_(std::move(event)), deadline_(deadline) {}
  virtual ~Delivery() = default;

  const Event& event() const { return event_; }
  Clock::time_point deadline() const { return deadline_; }
  std::chrono::milliseconds time_left() const;  // never below zero

  // Its end is no longer wanted, its lease was lost, or its time is over: end soon.
  bool cancelled() const { return cancelled_ || Clock::now() >= deadline_; }
  void cancel() { cancelled_ = true; }

  // For people: 0 … 1 and a line of text. Jobs show it; elsewhere nobody looks.
  virtual Task<void> progress(double /*fraction*/, std::string /*note*/) { co_return; }

 private:
  Event event_;
  Clock::time_point deadline_;
  bool cancelled_ = false;
};

// What a handler gives back. Effects in Postgres are exactly once: the statements run, under the worker's
// role, in the transaction that notes the event as handled. Whatever else a handler did is at least once.
struct Effects {
  Effects() = default;
  Effects(std::string text) : result(std::move(text)) {}

  std::string result;             // JSON that a job shows to people; empty: none
  std::vector<Query> statements;  // the handler's owner keeps the Statement of each
};

// Thrown by a handler: this attempt failed. Any other exception does so too, with a retry.
struct HandlerFailure : std::runtime_error {
  HandlerFailure(const std::string& reason, bool may_retry) : std::runtime_error(reason), retry(may_retry) {}

  bool retry;  // false: another attempt would fail as well; it is dead at once
};

// Thrown by a handler: it could not begin, and this is no attempt. The event comes back after the delay.
struct HandlerPostponed : std::runtime_error {
  HandlerPostponed(const std::string& reason, std::chrono::milliseconds time)
      : std::runtime_error(reason), delay(time) {}

  std::chrono::milliseconds delay;
};

using Handler = std::function<Task<Effects>(Delivery&)>;

// How a handler ended; what it threw is caught.
struct Attempt {
  Effects effects = {};
  bool failed = false, retry = true;
  std::optional<std::chrono::milliseconds> postponed = {};  // neither done nor failed
  std::string reason;                                       // clean text
};

Task<Attempt> attempt(const Handler& handler, Delivery& delivery);

}  // namespace tenfold::sidecar
