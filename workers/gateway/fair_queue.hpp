// Whose turn is next: of the clients that wait, the one that has used the least time. Pure: no clock, no
// loop.
#pragma once

#include "kernel/wall.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

namespace tenfold::gateway {

class FairQueue {
 public:
  using Duration = std::chrono::steady_clock::duration;

  // A call goes at once, without a turn.
  void begin(const std::string& client) { client_of(client).running++; }
  // A call waits; numbers grow. Two that are equal otherwise go by number.
  void push(const std::string& client, uint64_t number);
  // Takes out the next call, which is running from now on; nothing: none waits.
  std::optional<uint64_t> pop();
  // A call waits no longer.
  void remove(const std::string& client, uint64_t number);
  // A call that was running has ended, and took so long.
  void end(const std::string& client, Duration took);

  size_t size() const { return size_; }
  size_t waiting(const std::string& client) const;
  // The call of this client that has waited longest; nothing: none waits.
  std::optional<uint64_t> head(const std::string& client) const;

 private:
  struct Client {
    Duration used{};
    size_t running = 0;
    std::deque<uint64_t> waiting = {};
  };

  Client& client_of(const std::string& name);
  void forget_if_idle(const std::string& name);

  // Only clients that wait or run are remembered: one that returns counts as having used what the last client
  // served had.
  std::unordered_map<std::string, Client> clients_;
  Duration used_of_last_{};
  size_t size_ = 0;
};

}  // namespace tenfold::gateway
