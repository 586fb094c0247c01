#include "workers/gateway/lane.hpp"

#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tenfold::gateway {

namespace asio = sidecar::asio;

// While a place is free nobody waits.
sidecar::Task<std::optional<Lane::Place>> Lane::enter(std::string client) {
  if (free_ > 0) {
    free_--;
    queue_.begin(client);
    co_return Place(*this, std::move(client));
  }
  const bool has_turn = may_wait(client) && co_await wait_for_turn(client);
  if (!has_turn) {
    refused_++;
    co_return std::nullopt;
  }
  co_return Place(*this, std::move(client));
}

// A client may have as many calls waiting as there is room left: so one alone never fills the queue. Whose
// first call has waited for long already is told at once, and need not find out by waiting.
bool Lane::may_wait(const std::string& client) const {
  if (queue_.size() >= options_.queue || queue_.waiting(client) >= options_.queue - queue_.size())
    return false;
  const auto head = queue_.head(client);
  return !head || std::chrono::steady_clock::now() - waiters_.at(*head)->since < options_.longest_wait / 2;
}

sidecar::Task<bool> Lane::wait_for_turn(const std::string& client) {
  const uint64_t number = ++last_number_;
  const auto waiter = std::make_shared<Waiter>(executor_);
  waiters_.emplace(number, waiter);
  queue_.push(client, number);
  waiter->timer.expires_after(options_.longest_wait);
  co_await waiter->timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  waiters_.erase(number);
  if (!waiter->has_turn) queue_.remove(client, number);
  co_return waiter->has_turn;
}

void Lane::leave(const std::string& client, FairQueue::Duration took) {
  queue_.end(client, took);
  free_++;
  const auto next = queue_.pop();
  if (!next) return;
  free_--;
  Waiter& waiter = *waiters_.at(*next);
  waiter.has_turn = true;
  waiter.timer.cancel();
}

}  // namespace tenfold::gateway
