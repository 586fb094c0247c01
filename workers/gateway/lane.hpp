// So many calls at once, and fair turns for whoever else wants to.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.hpp"
#include "workers/gateway/fair_queue.hpp"

namespace tenfold::gateway {

struct LaneOptions {
  size_t places = 1;
  size_t queue = 1000;                           // that wait for a place; more are refused
  std::chrono::milliseconds longest_wait{5000};  // for a place; then it is refused
};

class Lane {
 public:
  // Held while a call is under way; then the next one's turn comes.
  class Place {
   public:
    Place(Lane& lane, std::string client) : lane_(&lane), client_(std::move(client)) {}
    Place(Place&& other) noexcept
        : lane_(std::exchange(other.lane_, nullptr)), client_(std::move(other.client_)), took_(other.took_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (lane_ != nullptr) lane_->leave(client_, took_);
    }

    // The time that the client's next turn will have to wait for.
    void charge(FairQueue::Duration took) { took_ = took; }

   private:
    Lane* lane_;
    std::string client_;
    FairQueue::Duration took_{};
  };

  Lane(sidecar::asio::any_io_executor executor, LaneOptions options)
      : executor_(std::move(executor)), options_(options), free_(options.places) {}

  // Waits for the client's turn. Nothing: too many wait, or its turn does not come in time.
  sidecar::Task<std::optional<Place>> enter(std::string client);

  size_t waiting() const { return queue_.size(); }
  size_t refused() const { return refused_; }

 private:
  struct Waiter {
    explicit Waiter(const sidecar::asio::any_io_executor& executor) : timer(executor) {}

    sidecar::asio::steady_timer timer;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
    bool has_turn = false;
  };

  bool may_wait(const std::string& client) const;
  sidecar::Task<bool> wait_for_turn(const std::string& client);
  void leave(const std::string& client, FairQueue::Duration took);

  sidecar::asio::any_io_executor executor_;
  LaneOptions options_;
  size_t free_;
  size_t refused_ = 0;
  FairQueue queue_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, std::shared_ptr<Waiter>> waiters_;
};

}  // namespace tenfold::gateway
