// What a worker declares to run jobs of tenfold.job: a queue, and a coroutine that does one of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "sidecar/loop.hpp"

namespace tenfold::sidecar {

// One run of a job, as it was claimed.
struct Job {
  int64_t id = 0, epoch = 0;
  int attempt = 1, max_attempts = 1;  // attempt: this one
  std::string payload;                // JSON
};

// What a handler knows while it runs.
class JobContext {
 public:
  using Clock = std::chrono::steady_clock;
  using Progress = std::function<Task<void>(JobContext&, double, std::string)>;

  JobContext(Job job, Clock::time_point deadline, Progress progress)
      : job_(std::move(job)), deadline_(deadline), progress_(std::move(progress)) {}

  const Job& job() const { return job_; }
  Clock::time_point deadline() const { return deadline_; }
  std::chrono::milliseconds time_left() const;  // never below zero

  // Somebody cancelled the job, its lease was lost, or its time is over: end soon. What is still returned
  // then counts if the lease holds.
  bool cancelled() const { return cancelled_ || lost_ || Clock::now() >= deadline_; }

  // For people: 0 … 1 and a line of text. Does nothing while Postgres is away.
  Task<void> progress(double fraction, std::string note) {
    return progress_(*this, fraction, std::move(note));
  }

 private:
  friend class JobRunner;

  Job job_;
  Clock::time_point deadline_;
  Progress progress_;
  bool cancelled_ = false, lost_ = false;
};

// Thrown by a handler: the run failed. Any other exception does so too, with a retry.
struct JobFailure : std::runtime_error {
  JobFailure(const std::string& reason, bool may_retry) : std::runtime_error(reason), retry(may_retry) {}

  bool retry;  // false: another attempt would fail as well; the job is dead at once
};

// Thrown by a handler: the run could not begin, and is no attempt. The job comes back after the delay.
struct JobPostponed : std::runtime_error {
  JobPostponed(const std::string& reason, std::chrono::milliseconds time)
      : std::runtime_error(reason), delay(time) {}

  std::chrono::milliseconds delay;
};

// Gives the result as JSON, empty for none.
using JobHandler = std::function<Task<std::string>(JobContext&)>;

struct JobSource {
  std::string queue;
  JobHandler handler;
  size_t most_in_flight = 100;  // claimed, and not yet known to have ended
  // For one run. A handler that does not end by then gets no heartbeat any more: its lease runs out, and the
  // job is another's.
  std::chrono::milliseconds deadline{60'000};
};

}  // namespace tenfold::sidecar
