// Calls to named providers (rows of tenfold.provider): asked of Postgres before, which keeps breaker, spacing
// and quota for all processes, and reported to it after. No transaction is open while the call is under way.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "base/log.hpp"
#include "http/client.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

struct ProviderReply {
  // Empty: it was called. Else why not: open, quota, spacing; busy: too many of this process are under way;
  // database: Postgres gave no permit, and reply.error says why.
  std::string refused = {};
  double retry_after = 0;  // seconds, of open, quota and spacing
  HttpReply reply = {};
};

// What a reply says of the provider: success, failure or neutral. No answer, 5xx and 429 are failures; any
// other answer is one; what was our own fault says nothing.
const char* outcome_of(const HttpReply& reply);

class ProviderClient {
 public:
  ProviderClient(Loop& loop, const Log& log, WorkerDatabase& database, HttpClient& http,
                 size_t most_in_flight_each)
      : loop_(loop),
        log_(log),
        database_(database),
        http_(http),
        permit_(database.statement("SELECT permit, reason, retry_after FROM tenfold.call_permit($1)")),
        tell_(database.statement("SELECT tenfold.breaker_report($1, $2, $3, make_interval(secs => $4))")),
        most_in_flight_each_(most_in_flight_each) {}

  // Never throws for what the provider does. Without a permit nothing is sent.
  Task<ProviderReply> send(std::string provider, HttpCall call);

  // How a call ended whose permit somebody else has taken.
  struct Report {
    std::string provider, permit, outcome;
    double seconds;
  };
  void report(Report report);

  // Completes when nothing is left to report.
  Task<void> wait_until_reported();

 private:
  Task<ProviderReply> call(const std::string& provider, HttpCall call);
  Task<void> send_reports();
  Task<void> send_batch(std::vector<Report> batch);

  Loop& loop_;
  const Log& log_;
  WorkerDatabase& database_;
  HttpClient& http_;
  Statement permit_, tell_;
  size_t most_in_flight_each_;
  std::map<std::string, size_t> in_flight_;
  std::deque<Report> reports_;
  bool reporting_ = false;
};

}  // namespace tenfold::sidecar
