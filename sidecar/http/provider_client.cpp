#include "http/provider_client.hpp"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>

#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto report_delay = 10ms;  // what comes within it is reported together
constexpr size_t most_reports_at_once = 100;
constexpr size_t most_reports_waiting = 10'000;

ProviderReply no_permit(const PgFailure& failure) {
  ProviderReply reply{"database"};
  reply.reply.error = failure.kind == PgFailure::Kind::refused ? failure.message : failure.reason();
  return reply;
}

// Counts a call for as long as it is under way, and forgets providers that have none.
class Counted {
 public:
  Counted(std::map<std::string, size_t>& counts, const std::string& name)
      : counts_(counts), at_(counts.try_emplace(name, 0).first) {
    at_->second++;
  }
  ~Counted() {
    if (--at_->second == 0) counts_.erase(at_);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::map<std::string, size_t>& counts_;
  std::map<std::string, size_t>::iterator at_;
};

}  // namespace

const char* outcome_of(const HttpReply& reply) {
  if (reply.is_our_fault) return "neutral";
  return reply.status == 0 || reply.status == 429 || reply.status >= 500 ? "failure" : "success";
}

Task<ProviderReply> ProviderClient::send(std::string provider, HttpCall asked) {
  const auto counted = in_flight_.find(provider);
  if (counted != in_flight_.end() && counted->second >= most_in_flight_each_) co_return ProviderReply{"busy"};
  const Counted under_way(in_flight_, provider);
  co_return co_await call(provider, std::move(asked));
}

Task<ProviderReply> ProviderClient::call(const std::string& provider, HttpCall asked) {
  const Reply answer = co_await database_.try_ask(permit_, provider);
  if (answer.failure) co_return no_permit(*answer.failure);
  const Rows& row = answer.rows.front();
  if (row.is_null(0, 0)) co_return ProviderReply{std::string(row.text(0, 1)), number<double>(row.text(0, 2))};
  const std::string permit(row.text(0, 0));

  const auto began = steady_clock::now();
  ProviderReply result;
  result.reply = co_await http_.send(std::move(asked));
  const std::chrono::duration<double> took = steady_clock::now() - began;
  report({provider, permit, outcome_of(result.reply), took.count()});
  co_return result;
}

void ProviderClient::report(Report report) {
  if (reports_.size() >= most_reports_waiting) {
    log_.warning("a call is not reported: too many wait", {{"provider", report.provider}});
    return;
  }
  reports_.push_back(std::move(report));
  if (!std::exchange(reporting_, true)) loop_.keep("provider reports", [this] { return send_reports(); });
}

Task<void> ProviderClient::send_reports() {
  while (!reports_.empty()) {
    co_await sleep_for(report_delay);
    const auto end = reports_.begin() + static_cast<long>(std::min(reports_.size(), most_reports_at_once));
    std::vector<Report> batch(std::make_move_iterator(reports_.begin()), std::make_move_iterator(end));
    reports_.erase(reports_.begin(), end);
    co_await send_batch(std::move(batch));
  }
  reporting_ = false;
}

// One that Postgres refuses must not take the others with it. Those that are lost with the connection are not
// repeated: a try that nobody reports is given to another.
Task<void> ProviderClient::send_batch(std::vector<Report> batch) {
  std::vector<Query> queries;
  for (const Report& one : batch)
    queries.push_back(
        WorkerDatabase::query(tell_, one.provider, one.permit, one.outcome, std::to_string(one.seconds)));
  const Reply answer = co_await database_.try_run(std::move(queries));
  for (size_t i = 0; i < answer.rows.size() && !answer.failure; i++)
    if (!answer.rows[i].is_null(0, 0))
      log_.warning("the breaker of a provider changed",
                   {{"provider", batch[i].provider}, {"state", answer.rows[i].text(0, 0)}});
  if (!answer.failure) co_return;
  if (answer.failure->kind == PgFailure::Kind::refused && batch.size() > 1) {
    for (Report& one : batch) {
      std::vector<Report> alone;
      alone.push_back(std::move(one));
      co_await send_batch(std::move(alone));
    }
    co_return;
  }
  log_.warning("calls of providers are not reported",
               {{"count", std::to_string(batch.size())}, {"error", answer.failure->reason()}});
}

Task<void> ProviderClient::wait_until_reported() {
  while (reporting_) co_await sleep_for(report_delay);
}

}  // namespace tenfold::sidecar
