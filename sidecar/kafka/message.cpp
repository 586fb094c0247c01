#include "kafka/message.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = utf8_length(bytes);
    if (length == 0 || bytes.front() == '\0') return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::optional<std::string> poison(std::optional<std::string_view> key,
                                  std::optional<std::string_view> payload, const KafkaHeaders& headers) {
  if (key && !is_text(*key)) return "the key is not UTF-8";
  if (payload && !is_text(*payload)) return "the payload is not UTF-8";
  const bool well = std::ranges::all_of(
      headers, [](const auto& header) { return is_text(header.first) && is_text(header.second); });
  if (!well) return "a header is not UTF-8";
  return std::nullopt;
}

std::map<std::string, std::string> texts_of(const KafkaHeaders& headers) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : headers) texts[clean(name)] = clean(value);
  return texts;
}

std::string kafka_id(std::string_view topic, int partition, int64_t offset) {
  return std::string(topic) + '/' + std::to_string(partition) + '/' + std::to_string(offset);
}

KafkaEvent kafka_event(std::string id, std::string_view topic, std::optional<std::string_view> key,
                       std::optional<std::string_view> payload, const KafkaHeaders& headers) {
  KafkaEvent made{{Event::Source::kafka, std::string(topic), std::move(id)}, poison(key, payload, headers)};
  if (!made.poison && !payload.value_or("").empty() && !nlohmann::json::accept(*payload))
    made.poison = "the payload is not JSON";
  made.event.key = key.value_or("");
  made.event.payload = payload.value_or("");
  made.event.headers = texts_of(headers);
  return made;
}

}  // namespace tenfold::sidecar
