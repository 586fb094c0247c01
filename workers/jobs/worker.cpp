#include "workers/jobs/worker.hpp"

#include "handlers/http.hpp"
#include "postgres/values.hpp"

namespace tenfold::jobs {
namespace {

using namespace sidecar;

std::vector<SettingRow> settings() {
  using Kind = SettingKind;
  return {
      {"jobs.in_flight", Kind::number, "50", "jobs of one queue under way at once", 1, 10'000},
      {"jobs.http_deadline", Kind::duration, "15s", "for one call of queue http_call", 1, 3'600'000},
      {"jobs.http_answer_size", Kind::size, "1MB", "most bytes of its answer", 0, 64 * 1024 * 1024},
      {"jobs.noop_queue", Kind::text, "", "a queue whose jobs are done as soon as claimed, to measure with"},
  };
}

Result<HttpCallRequest> request_of(const Event& job) {
  return read_http_call(job.payload, number<int64_t>(job.id), job.epoch);
}

class Jobs : public RunningWorker {
 public:
  explicit Jobs(const Services& services) : services_(services) {}

  std::vector<JobSource> job_sources() override {
    const Settings& chosen = services_.settings;
    std::vector<JobSource> sources;
    sources.push_back({"http_call", http_handler(services_, chosen.size("jobs.http_answer_size"), request_of),
                       chosen.size("jobs.in_flight"), chosen.duration("jobs.http_deadline")});
    if (!chosen.text("jobs.noop_queue").empty())
      sources.push_back({chosen.text("jobs.noop_queue"),
                         [](Delivery&) -> Task<Effects> { co_return Effects{}; },
                         chosen.size("jobs.in_flight")});
    return sources;
  }

  Task<void> load() override { co_await services_.database.wait_until_up(); }

 private:
  Services services_;
};

}  // namespace

sidecar::Worker worker() {
  return {"jobs", "runs jobs of queue http_call: calls to URLs that outlive their caller", settings(),
          [](Services services) { return std::make_unique<Jobs>(services); }};
}

}  // namespace tenfold::jobs
