#include "events/batch.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds longest_wait = 1s, between_looks = 100ms;
constexpr size_t lines_between_yields = 64;

milliseconds wait_after(const BatchRules::Retry& retry, int attempt) {
  return jittered(std::min(retry.most, retry.least * (1 << std::clamp(attempt - 1, 0, 20))));
}

const Statement& check_constraints() {
  static const Statement statement("SET CONSTRAINTS ALL IMMEDIATE", Statement::Keep::once);
  return statement;
}

}  // namespace

Batch::Batch(Loop& loop, const Log& log, const BatchRules& rules)
    : loop_(loop), log_(log), rules_(rules), all_walked_(loop.io()) {}

void Batch::add(Event event) {
  lines_.add({event.topic, event.key});
  items_.push_back({std::move(event)});
}

void Batch::add_failed(Event event, std::string reason, bool ends_line) {
  lines_.add({event.topic, ends_line ? event.key : ""});
  items_.push_back({std::move(event), {.failed = true, .retry = false, .reason = std::move(reason)}, true});
}

// Lines are walked side by side, by as many walkers as may be in flight.
Task<void> Batch::handle() {
  next_line_ = 0;
  was_left_ = false;
  walkers_ = std::min(lines_.size(), rules_.most_in_flight);
  for (size_t i = walkers_; i > 0; i--) loop_.spawn("events of " + rules_.name, walk_lines());
  while (walkers_ > 0) co_await all_walked_.wait(1h);
}

// Whatever happens in it: the coroutine that waits for the last walker must not wait for ever.
Task<void> Batch::walk_lines() {
  try {
    co_await walk_all();
  } catch (const std::exception& failure) {
    was_left_ = true;
    log_.error("a batch is begun anew", {{"source", rules_.name}, {"error", failure.what()}});
  }
  if (--walkers_ == 0) all_walked_.ring();
}

Task<void> Batch::walk_all() {
  while (next_line_ < lines_.size() && !is_stopped_) {
    const size_t line = next_line_++;
    co_await walk_line(lines_.line(line));
    // Handlers that wait for nothing leave the loop to others now and then.
    if (line % lines_between_yields == 0)
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  }
}

Task<void> Batch::walk_line(const std::vector<size_t>& line) {
  for (const size_t number : line) {
    Item& item = items_[number];
    if (!item.is_settled) co_await settle(item);
    was_left_ |= !item.is_settled;
    if (!item.is_settled) co_return;
    if (!item.made.failed || rules_.retry) continue;
    lines_.stop_at(number);
    co_return;
  }
}

Task<void> Batch::settle(Item& item) {
  while (!item.is_settled) {
    co_await wait_until_due(item);
    if (is_stopped_ || Clock::now() < item.due) co_return;
    item.made = co_await deliver(item.event);
    judge(item);
  }
}

Task<void> Batch::wait_until_due(const Item& item) const {
  while (!is_stopped_ && !is_hurried_ && Clock::now() < item.due)
    co_await sleep_for(std::min<Clock::duration>(item.due - Clock::now(), between_looks));
}

Task<Attempt> Batch::deliver(const Event& event) {
  const auto started = Clock::now();
  Delivery delivery(event, started + rules_.deadline);
  deliveries_.insert(&delivery);
  Attempt made = co_await attempt(rules_.handler, delivery);
  deliveries_.erase(&delivery);
  if (rules_.on_time) rules_.on_time(Clock::now() - started);
  co_return made;
}

void Batch::judge(Item& item) {
  const Attempt& made = item.made;
  if (rules_.on_attempt && !made.postponed) rules_.on_attempt(item.event, made);
  if (made.postponed) {
    item.due = Clock::now() + std::min(*made.postponed, longest_wait);
  } else if (made.failed && made.retry && rules_.retry && item.event.attempt < rules_.retry->most_attempts) {
    item.due = Clock::now() + wait_after(*rules_.retry, item.event.attempt++);
  } else {
    item.is_settled = true;
  }
}

void Batch::stop() {
  is_stopped_ = true;
  for (Delivery* delivery : deliveries_) delivery->cancel();
}

bool Batch::is_stuck() const {
  return std::ranges::any_of(deliveries_,
                             [](const Delivery* one) { return Clock::now() > one->deadline() + 1s; });
}

size_t Batch::settled_from(size_t number) const {
  while (number < items_.size() && items_[number].is_settled) number++;
  return number;
}

void Batch::add_effects(Transaction& transaction, size_t number) const {
  for (const Query& effect : items_[number].made.effects.statements) transaction.add(effect, number);
  if (checks_each_) transaction.add({&check_constraints()}, number);
}

// Statements are answered in order: the first without rows is the one that failed.
bool Batch::blame(const Transaction& transaction, const Reply& reply) {
  const PgFailure& failure = *reply.failure;
  const size_t failed = reply.rows.size();
  if (failed < transaction.queries.size()) {
    const auto item = transaction.effect_of[failed];
    if (!item || may_pass(*item, failure)) return false;
    refuse(*item, clean(failure.reason()));
    return true;
  }
  if (failure.is_passing()) return false;
  // At the end itself, by a deferred constraint: it is found by checking after each event.
  log_.warning("a batch is done again, with constraints checked after each event",
               {{"source", rules_.name}, {"error", failure.message}});
  return !std::exchange(checks_each_, true);
}

bool Batch::may_pass(size_t number, const PgFailure& failure) {
  if (!failure.is_passing()) return false;
  return failure.kind != PgFailure::Kind::refused ||
         !items_[number].patience.is_over(failure.sqlstate, Clock::now());
}

void Batch::refuse(size_t number, std::string reason) {
  Item& item = items_[number];
  item.made = {.failed = true, .reason = std::move(reason)};
  item.is_settled = false;
  item.patience = {};
  judge(item);
  if (!rules_.retry) lines_.stop_at(number);
}

}  // namespace tenfold::sidecar
