// Events that end in one transaction, whichever source they are of: handled side by side, those of one key
// one after the other. Their effects run in the order in which the events came.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "events/handler.hpp"
#include "events/key_lines.hpp"
#include "events/patience.hpp"

namespace tenfold::sidecar {

// How a source wants its events handled.
struct BatchRules {
  std::string name;  // of the source, for people
  Handler handler;
  size_t most_in_flight = 100;
  std::chrono::milliseconds deadline{60'000};  // for one attempt
  // Here an event that failed is tried again up to so many attempts, while its key waits; then its key goes
  // on. None: a failure ends its line at once, and what stands behind it is not handled.
  struct Retry {
    int most_attempts;
    std::chrono::milliseconds least, most;  // doubled from attempt to attempt
  };
  std::optional<Retry> retry = std::nullopt;
  std::function<void(const Event&, const Attempt&)> on_attempt = {};  // each that has ended, and how
  std::function<void(std::chrono::duration<double>)> on_time = {};    // that it took
};

// The statements of a transaction, and which event each is an effect of.
struct Transaction {
  std::vector<Query> queries;
  std::vector<std::optional<size_t>> effect_of;

  void add(Query query, std::optional<size_t> item = {}) {
    queries.push_back(std::move(query));
    effect_of.push_back(item);
  }
};

class Batch {
 public:
  using Clock = Delivery::Clock;

  struct Item {
    Event event;
    Attempt made = {};
    bool is_settled = false;  // its end is known; there is nothing more to try
    Clock::time_point due = {};
    Patience patience = {};  // with refusals of its effects
  };

  Batch(Loop& loop, const Log& log, const BatchRules& rules);

  void add(Event event);
  // One that no handler is to see; its key does not wait for it. Or it does, as for any that fails.
  void add_failed(Event event, std::string reason, bool ends_line = false);

  // Until every event is settled, stands behind one that ended its line, or stop() or hurry() leave it.
  Task<void> handle();
  // The batch is no longer wanted: begins nothing more, and tells the handlers.
  void stop();
  // What has to wait for its next attempt is left.
  void hurry() { is_hurried_ = true; }

  bool is_stopped() const { return is_stopped_; }
  bool was_left() const { return was_left_; }  // something was not settled
  // A handler outstays its deadline.
  bool is_stuck() const;

  size_t size() const { return items_.size(); }
  const Item& operator[](size_t number) const { return items_[number]; }
  bool is_behind(size_t number) const { return lines_.is_behind(number); }
  // The first that is not settled, of those from this one on.
  size_t settled_from(size_t number) const;

  void add_effects(Transaction& transaction, size_t number) const;
  // Postgres refused a transaction. If that tells of an event, it has failed, and true says that the rest may
  // go on: an event to be tried again is not settled any more. An error that should pass and comes again and
  // again from the effects of one event is that event's, too.
  bool blame(const Transaction& transaction, const Reply& reply);

 private:
  Task<void> walk_lines();
  Task<void> walk_all();
  Task<void> walk_line(const std::vector<size_t>& line);
  Task<void> settle(Item& item);
  Task<void> wait_until_due(const Item& item) const;
  Task<Attempt> deliver(const Event& event);
  void judge(Item& item);
  bool may_pass(size_t number, const PgFailure& failure);
  void refuse(size_t number, std::string reason);

  Loop& loop_;
  const Log& log_;
  const BatchRules& rules_;
  std::vector<Item> items_;
  KeyLines lines_;
  std::set<Delivery*> deliveries_;
  bool checks_each_ = false;  // constraints, after each event: a deferred one failed at the end
  bool is_stopped_ = false, is_hurried_ = false, was_left_ = false;
  size_t next_line_ = 0, walkers_ = 0;
  Bell all_walked_;
};

}  // namespace tenfold::sidecar
