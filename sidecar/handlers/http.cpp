#include "handlers/http.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/json_text.hpp"

namespace tenfold::sidecar {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds least_wait{100}, longest_wait{3'600'000};
constexpr milliseconds no_place_wait{500};
constexpr size_t most_kept = 1000;  // bytes of an answer, for people

std::string beginning_of(const std::string& text) {
  size_t size = std::min(text.size(), most_kept);
  while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) size--;
  return text.substr(0, size);
}

std::string result_of(const HttpReply& reply) {
  std::string text = R"({"status": )" + std::to_string(reply.status) + R"(, "body": )";
  std::string body = beginning_of(reply.body);
  std::erase(body, '\0');  // JSON has a form for it, jsonb has none
  append_json_string(text, body);
  return text + '}';
}

Task<HttpReply> send(const Services& services, const std::string& provider, HttpCall call) {
  if (provider.empty()) co_return co_await services.http.send(std::move(call));
  const ProviderReply reply = co_await services.providers.send(provider, std::move(call));
  if (reply.refused == "database") throw HandlerFailure(reply.reply.error, true);
  if (!reply.refused.empty())
    throw HandlerPostponed("provider " + provider + " is not asked now: " + reply.refused,
                           std::max(least_wait, milliseconds(std::lround(reply.retry_after * 1000))));
  co_return reply.reply;
}

// What could not begin is no attempt; nor is what the other side puts off to a time that it names.
void postpone_if_asked(const HttpReply& reply) {
  if (reply.had_no_place) throw HandlerPostponed(reply.error, no_place_wait);
  if ((reply.status != 429 && reply.status != 503) || !reply.retry_after) return;
  throw HandlerPostponed("answered " + std::to_string(reply.status) + " with Retry-After",
                         std::clamp(milliseconds(*reply.retry_after), least_wait, longest_wait));
}

Task<Effects> call(const Services& services, size_t most_bytes, const RequestOf& request_of,
                   Delivery& delivery) {
  const auto request = request_of(delivery.event());
  if (!request) throw HandlerFailure(request.error().message + "; " + request.error().hint, false);
  HttpCall outgoing{request->method, request->url, request->headers, request->body, delivery.time_left()};
  outgoing.most_bytes = most_bytes;
  const HttpReply reply = co_await send(services, request->provider, std::move(outgoing));
  const HttpOutcome outcome = outcome_of(reply.status);
  if (outcome == HttpOutcome::done) co_return result_of(reply);
  postpone_if_asked(reply);
  if (reply.is_denied) throw HandlerFailure(reply.error, false);
  throw HandlerFailure(reply.status == 0
                           ? reply.error
                           : "answered " + std::to_string(reply.status) + ": " + beginning_of(reply.body),
                       outcome == HttpOutcome::retry);
}

}  // namespace

Handler http_handler(const Services& services, size_t most_bytes, RequestOf request_of) {
  return [services, most_bytes, request_of = std::move(request_of)](Delivery& delivery) {
    return call(services, most_bytes, request_of, delivery);
  };
}

}  // namespace tenfold::sidecar
