// Feeds messages of Kafka to the handlers of workers. Effects, dead letters and the offset of a partition are
// one transaction, under the epoch of its lease: a runner that has lost it meanwhile is refused, and nothing
// is doubled.
#pragma once

#include <memory>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/settings.hpp"
#include "kafka/source.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

class KafkaRunner {
 public:
  KafkaRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database,
              const Settings& settings);
  ~KafkaRunner();

  // Before start(). Throws std::runtime_error where no broker is set.
  void add(KafkaSource source);
  void start();

  // Begins no more batches; what waits for another attempt is left to the next reader.
  void drain();
  // Gives every partition back. What is still under way counts no more.
  Task<void> give_back();
  // Sources that have not ended yet.
  size_t under_way() const;

 private:
  class Feed;

  Loop& loop_;
  const Log& log_;
  Metrics& metrics_;
  WorkerDatabase& database_;
  const Settings& settings_;
  std::vector<std::unique_ptr<Feed>> feeds_;
};

}  // namespace tenfold::sidecar
