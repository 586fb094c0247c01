// Feeds the log of events to the handlers of workers. A consumer is one daemon's at a time, by a lease with
// an epoch; its events come in batches, and effects, failures and the new position are one transaction: who
// has lost the lease meanwhile is refused, and nothing is doubled.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "events/batch.hpp"
#include "events/source.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

struct EventOptions {
  std::string instance;  // the name under which leases are held
  std::chrono::milliseconds lease{30'000}, poll_most{1000};
};

class EventRunner {
 public:
  EventRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database, EventOptions options);
  ~EventRunner();

  void add(EventSource source);  // before start()
  void start();
  bool is_idle() const { return consumers_.empty(); }
  // Look now: there is a new tick.
  void ring();

  // Begins no more batches.
  void drain();
  // Consumers with a batch under way.
  size_t under_way() const;
  // Gives the leases back. What is still under way counts no more.
  Task<void> release();

 private:
  struct Consumer;
  struct Statements;
  struct Turn;
  struct TurnEnd;

  Task<void> hold_leases();
  Task<void> declare(Consumer& consumer);
  Task<bool> renew_leases();
  void take_leases(const Rows& rows);
  void lose(Consumer& consumer);

  Task<void> consume_for_ever(Consumer& consumer);
  Task<bool> take_turn(Consumer& consumer);
  Task<bool> run_retries(Consumer& consumer);
  Task<bool> run_batch(Consumer& consumer);
  Task<bool> run(Consumer& consumer, Turn& turn);
  TurnEnd end_of(const Consumer& consumer, const Turn& turn) const;
  Query finish_of(const std::string& name, const Turn& turn, const TurnEnd& end) const;
  Task<bool> commit(Consumer& consumer, Turn& turn);
  Task<bool> take_refusal(Consumer& consumer, Turn& turn, const TurnEnd& end, const Reply& reply);
  void count(Consumer& consumer, const Turn& turn, const TurnEnd& end, const Reply& reply);
  void count_failure(Consumer& consumer, const Batch::Item& item, std::string_view outcome);
  Task<Reply> ask_as(Consumer& consumer, Query query);

  Loop& loop_;
  const Log& log_;
  Metrics& metrics_;
  WorkerDatabase& database_;
  EventOptions options_;
  std::unique_ptr<Statements> statements_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  Bell lease_bell_;
  bool draining_ = false, released_ = false;
};

}  // namespace tenfold::sidecar
