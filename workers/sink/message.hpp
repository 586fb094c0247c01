// A message of Kafka as Postgres takes it. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenfold::sink {

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

// Why a message cannot be handed to any function of Postgres: bytes that are no UTF-8, or a zero byte.
// Nothing if it can. (Whether it is JSON, Postgres decides.)
std::optional<std::string> poison(std::optional<std::string_view> key,
                                  std::optional<std::string_view> payload, const Headers& headers);

// As an object of texts; of a name that comes twice, the last counts. What is no UTF-8 becomes U+FFFD.
std::string json_of(const Headers& headers);

}  // namespace tenfold::sink
