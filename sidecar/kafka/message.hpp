// A message of Kafka as Postgres and handlers take it. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/event.hpp"

namespace tenfold::sidecar {

using KafkaHeaders = std::vector<std::pair<std::string_view, std::string_view>>;

// Why a message cannot be handed to any function of Postgres: bytes that are no UTF-8, or a zero byte.
// Nothing if it can. (Whether it is JSON, Postgres decides.)
std::optional<std::string> poison(std::optional<std::string_view> key,
                                  std::optional<std::string_view> payload, const KafkaHeaders& headers);

// Of a name that comes twice, the last counts. What is no UTF-8 becomes U+FFFD.
std::map<std::string, std::string> texts_of(const KafkaHeaders& headers);

// Where a message is. It names the message for ever, but for topics that are made anew.
std::string kafka_id(std::string_view topic, int partition, int64_t offset);

// An event as handlers get it: its payload is JSON, or empty for none. (So is a key.)
struct KafkaEvent {
  Event event;
  std::optional<std::string> poison;  // why no handler may see it; then key and payload are as they came
};
KafkaEvent kafka_event(std::string id, std::string_view topic, std::optional<std::string_view> key,
                       std::optional<std::string_view> payload, const KafkaHeaders& headers);

}  // namespace tenfold::sidecar
