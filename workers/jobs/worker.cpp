#include "workers/jobs/worker.hpp"

#include <chrono>
#include <cmath>

#include "sidecar/json_text.hpp"
#include "workers/jobs/http_call.hpp"

namespace tenfold::jobs {
namespace {

using sidecar::JobContext;
using sidecar::JobFailure;
using sidecar::JobPostponed;
using sidecar::JobSource;
using sidecar::Services;
using sidecar::SettingRow;
using sidecar::Task;
using std::chrono::milliseconds;

constexpr milliseconds least_wait{100};
constexpr size_t most_kept = 1000;  // bytes of an answer that stay with the job, for people

std::vector<SettingRow> settings() {
  using Kind = sidecar::SettingKind;
  return {
      {"jobs.in_flight", Kind::number, "50", "jobs of one queue under way at once", 1, 10'000},
      {"jobs.http_deadline", Kind::duration, "15s", "for one call of queue http_call", 1, 3'600'000},
      {"jobs.http_answer_size", Kind::size, "1MB", "most bytes of its answer", 0, 64 * 1024 * 1024},
      {"jobs.noop_queue", Kind::text, "", "a queue whose jobs are done as soon as claimed, to measure with"},
  };
}

std::string beginning_of(const std::string& text) {
  size_t size = std::min(text.size(), most_kept);
  while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) size--;
  return text.substr(0, size);
}

std::string result_of(const sidecar::HttpReply& reply) {
  std::string text = R"({"status": )" + std::to_string(reply.status) + R"(, "body": )";
  std::string body = beginning_of(reply.body);
  std::erase(body, '\0');  // JSON has a form for it, jsonb has none
  sidecar::append_json_string(text, body);
  return text + '}';
}

class Jobs : public sidecar::RunningWorker {
 public:
  explicit Jobs(const Services& services) : services_(services) {}

  std::vector<JobSource> job_sources() override {
    const auto& settings = services_.settings;
    std::vector<JobSource> sources;
    sources.push_back({"http_call", [this](JobContext& context) { return call(context); },
                       settings.size("jobs.in_flight"), settings.duration("jobs.http_deadline")});
    if (!settings.text("jobs.noop_queue").empty())
      sources.push_back({settings.text("jobs.noop_queue"),
                         [](JobContext&) -> Task<std::string> { co_return ""; },
                         settings.size("jobs.in_flight")});
    return sources;
  }

  Task<void> load() override { co_await services_.database.wait_until_up(); }

 private:
  Task<std::string> call(JobContext& context) {
    const auto request = read_http_call(context.job().payload, context.job().id, context.job().epoch);
    if (!request) throw JobFailure(request.error().message + "; " + request.error().hint, false);
    sidecar::HttpCall outgoing{request->method, request->url, request->headers, request->body,
                               context.time_left()};
    outgoing.most_bytes = services_.settings.size("jobs.http_answer_size");
    const sidecar::HttpReply reply = co_await send(request->provider, std::move(outgoing));
    const Outcome outcome = outcome_of(reply.status);
    if (outcome == Outcome::done) co_return result_of(reply);
    throw JobFailure(reply.status == 0
                         ? reply.error
                         : "answered " + std::to_string(reply.status) + ": " + beginning_of(reply.body),
                     outcome == Outcome::retry);
  }

  // A refusal of the provider's breaker or quota is no attempt: the job comes back when it may be asked
  // again.
  Task<sidecar::HttpReply> send(const std::string& provider, sidecar::HttpCall call) {
    if (provider.empty()) co_return co_await services_.http.send(std::move(call));
    const sidecar::ProviderReply reply = co_await services_.providers.send(provider, std::move(call));
    if (reply.refused == "database") throw JobFailure(reply.reply.error, true);
    if (!reply.refused.empty())
      throw JobPostponed("provider " + provider + " is not asked now: " + reply.refused,
                         std::max(least_wait, milliseconds(std::lround(reply.retry_after * 1000))));
    co_return reply.reply;
  }

  Services services_;
};

}  // namespace

sidecar::Worker worker() {
  return {"jobs", "runs jobs of queue http_call: calls to URLs that outlive their caller", settings(),
          [](Services services) { return std::make_unique<Jobs>(services); }};
}

}  // namespace tenfold::jobs
