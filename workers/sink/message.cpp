#include "workers/sink/message.hpp"

#include <algorithm>
#include <map>

#include "sidecar/json_text.hpp"
#include "sidecar/pg_values.hpp"

namespace tenfold::sink {
namespace {

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = sidecar::utf8_length(bytes);
    if (length == 0 || bytes.front() == '\0') return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::optional<std::string> poison(std::optional<std::string_view> key,
                                  std::optional<std::string_view> payload, const Headers& headers) {
  if (key && !is_text(*key)) return "the key is not UTF-8";
  if (payload && !is_text(*payload)) return "the payload is not UTF-8";
  const bool well = std::ranges::all_of(
      headers, [](const auto& header) { return is_text(header.first) && is_text(header.second); });
  if (!well) return "a header is not UTF-8";
  return std::nullopt;
}

std::string json_of(const Headers& headers) {
  std::map<std::string, std::string> values;
  for (const auto& [name, value] : headers) values[sidecar::clean(name)] = sidecar::clean(value);
  return sidecar::json_object(values);
}

}  // namespace tenfold::sink
