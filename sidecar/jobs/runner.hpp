// Runs the jobs of the queues that workers declare: claims in batches, beats the heart of what runs, reports
// the ends in batches, gives back what it cannot finish. Nothing wakes it: it asks often while there is work,
// and ever less while there is none.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/trouble.hpp"
#include "jobs/source.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

struct JobOptions {
  std::string worker;  // the name under which leases are held
  std::chrono::milliseconds poll_least{5}, poll_most{1000};
};

class JobRunner {
 public:
  JobRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database, JobOptions options);
  ~JobRunner();

  void add(JobSource source);  // before start()
  void start();

  // Claims no more.
  void drain();
  // Jobs whose end Postgres does not know yet.
  size_t under_way() const;
  // Gives back what still runs. Its end counts no more.
  Task<void> give_back();

 private:
  struct Queue;
  struct Statements;
  struct Run;
  using Context = std::shared_ptr<Run>;

  Task<void> claim_for_ever(Queue& queue);
  Task<size_t> claim(Queue& queue, size_t how_many);
  void begin(Queue& queue, const Rows& rows, int row);
  Task<void> run_job(Queue& queue, Context context);
  Task<void> end_run(Queue& queue, Context context, Attempt made);
  Task<void> end_with_effects(Queue& queue, Context context, Effects effects);
  Task<void> end_failed(Queue& queue, Context context, std::string reason, bool retry);
  Task<void> postpone(Queue& queue, Context context, std::string reason, std::chrono::milliseconds delay);
  Task<void> report_for_ever(Queue& queue);
  Task<void> report_done(Queue& queue, std::vector<std::pair<Context, std::string>> done);
  Task<void> beat_for_ever(Queue& queue);
  Task<void> beat(Queue& queue);
  Task<void> expire_for_ever();
  Task<void> say_progress(Run& run, double fraction, std::string note);
  // effects: how many of these statements are a handler's. An error that it raises again and again is an
  // answer.
  Task<Reply> run_until_answered(std::vector<Query> queries, size_t effects = 0);
  Task<Reply> run_until_answered(Query query) { return run_until_answered(std::vector{std::move(query)}); }
  void forget(Queue& queue, Run& run);

  Loop& loop_;
  const Log& log_;
  Metrics& metrics_;
  WorkerDatabase& database_;
  JobOptions options_;
  std::unique_ptr<Statements> statements_;
  std::vector<std::unique_ptr<Queue>> queues_;
  Trouble trouble_;  // with Postgres, that passes
  bool draining_ = false;
};

}  // namespace tenfold::sidecar
