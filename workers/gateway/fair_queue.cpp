#include "workers/gateway/fair_queue.hpp"

#include <algorithm>
#include <tuple>

namespace tenfold::gateway {

// Who was away has saved nothing up: else it could hold everybody else up for as long as it was away.
FairQueue::Client& FairQueue::client_of(const std::string& name) {
  return clients_.try_emplace(name, Client{used_of_last_}).first->second;
}

void FairQueue::push(const std::string& client, uint64_t number) {
  client_of(client).waiting.push_back(number);
  size_++;
}

std::optional<uint64_t> FairQueue::pop() {
  Client* next = nullptr;
  for (auto& [name, client] : clients_) {
    if (client.waiting.empty()) continue;
    if (next == nullptr || std::make_tuple(client.used, client.waiting.front()) <
                               std::make_tuple(next->used, next->waiting.front()))
      next = &client;
  }
  if (next == nullptr) return std::nullopt;
  const uint64_t number = next->waiting.front();
  next->waiting.pop_front();
  next->running++;
  used_of_last_ = std::max(used_of_last_, next->used);
  size_--;
  return number;
}

void FairQueue::remove(const std::string& client, uint64_t number) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  size_ -= std::erase(found->second.waiting, number);
  forget_if_idle(client);
}

void FairQueue::end(const std::string& client, Duration took) {
  Client& its = client_of(client);
  its.used += took;
  its.running--;
  forget_if_idle(client);
}

size_t FairQueue::waiting(const std::string& client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second.waiting.size();
}

std::optional<uint64_t> FairQueue::head(const std::string& client) const {
  const auto found = clients_.find(client);
  if (found == clients_.end() || found->second.waiting.empty()) return std::nullopt;
  return found->second.waiting.front();
}

void FairQueue::forget_if_idle(const std::string& name) {
  const auto found = clients_.find(name);
  if (found != clients_.end() && found->second.running == 0 && found->second.waiting.empty())
    clients_.erase(found);
}

}  // namespace tenfold::gateway
