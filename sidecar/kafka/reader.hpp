// Reads topics of Kafka for one source: shares partitions with other instances by lease, begins each where
// Postgres says that it is, and hands what comes to a target, which moves the offset in the transaction of
// the effects. No group of Kafka is joined, and what is committed there is for people who watch the lag.
//
// Offsets that Kafka does not have any more stop the source until tenfold.set_kafka_offset().
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "base/trouble.hpp"
#include "kafka/client.hpp"
#include "kafka/place.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

// What becomes of messages.
class KafkaTarget {
 public:
  virtual ~KafkaTarget() = default;

  virtual Task<std::vector<std::string>> topics() = 0;
  // Ends messages of one partition, and moves its offset and `next`. What it leaves, or throws at, is claimed
  // and read anew. The messages must be gone before it waits for anything: their consumer may end meanwhile.
  virtual Task<void> apply(KafkaPlace& place, std::vector<KafkaMessage> messages) = 0;
  // The partition of an apply() under way is another's.
  virtual void stop(const KafkaPlace& /*place*/) {}
  // Somebody else may do better than an apply() under way.
  virtual bool is_stuck(const KafkaPlace& /*place*/) const { return false; }
};

// The statements about partitions that both sides need.
class KafkaStatements {
 public:
  KafkaStatements(const WorkerDatabase& database, std::string source);

  const std::string& source() const { return source_; }

  Query claim(const std::string& instance, const std::vector<KafkaName>& partitions,
              std::chrono::milliseconds lease) const;
  Query release(const std::string& instance) const;
  // With messages for the topic's function, as literals of arrays; or none of them.
  struct Arrays {
    std::string offsets = "{}", keys = "{}", payloads = "{}", headers = "{}";
  };
  struct Step {
    std::optional<int64_t> from;
    int64_t next;
    std::optional<int64_t> made_at;  // the last message of it
  };
  Query move(const KafkaName& name, int64_t epoch, const Step& step, const Arrays& arrays) const;
  Query refuse(const KafkaName& name, int64_t epoch, const std::string& problem) const;
  struct Letter {
    int64_t offset;
    std::optional<std::string> key, payload;
    std::string headers;  // a JSON object
    std::string reason;
    int attempts = 0;
  };
  Query bury(const KafkaName& name, Letter letter) const;

 private:
  std::string source_;
  Statement claim_, release_, move_, refuse_, bury_;
};

struct KafkaReaderOptions {
  KafkaOptions kafka;
  std::string group;     // under which Kafka is told how far we are
  std::string instance;  // the name under which partitions are held
  std::chrono::milliseconds lease;
  std::chrono::milliseconds longest_pause;  // between two tries while something is away
  size_t most_messages;                     // of one partition at once
  bool one_by_one = false;                  // partitions are applied one after the other
};

class KafkaReader {
 public:
  KafkaReader(Loop& loop, const Log& log, WorkerDatabase& database, const KafkaStatements& statements,
              prometheus::Counter& troubles, KafkaReaderOptions options, KafkaTarget& target);
  ~KafkaReader();

  void start();
  void drain();
  // Gives the partitions back, also those with messages under way: these count no more.
  Task<void> give_back();
  // Something is still applied, or its partitions are not given back yet.
  bool is_busy() const { return is_running_; }
  // Topics to read that the brokers do not have.
  size_t absent_topics() const { return absent_count_; }

 private:
  struct Claimed;
  struct Beginning {
    int64_t next;
    std::optional<int64_t> made_at;  // the message before it
  };
  using Place = std::shared_ptr<KafkaPlace>;
  using Places = std::map<KafkaName, Place>;

  // The lease, a task of its own: nothing that is read or applied holds it up.
  Task<void> hold();
  Task<void> claim();
  std::vector<KafkaName> claimable() const;
  void ask_anew();

  Task<void> run();
  Task<void> consume();
  Task<void> open();
  Task<void> close();
  Task<void> look_for_topics();
  void note_absent(const std::string& absent);
  Task<void> adopt(std::vector<Claimed> claimed);
  Task<void> adopt_one(const Claimed& one);
  void lose(KafkaPlace& place);
  Task<Beginning> beginning_of(Claimed claimed);
  Task<void> refuse(KafkaName name, int64_t epoch, std::string problem);
  Task<void> assign();
  Task<void> read();
  Task<void> take(Place place, std::vector<KafkaMessage> messages);
  Task<void> apply(Place place, std::vector<KafkaMessage> messages);
  Task<void> rest(Place place, std::chrono::milliseconds pause);
  Task<void> all_applied();
  Task<void> announce();
  Trouble& trouble_of(const KafkaName& name);

  Loop& loop_;
  const Log& log_;
  WorkerDatabase& database_;
  const KafkaStatements& statements_;
  prometheus::Counter& troubles_;
  const KafkaReaderOptions options_;
  KafkaTarget& target_;
  Trouble trouble_, lease_trouble_;
  std::map<KafkaName, Trouble> trouble_of_;
  KafkaThread thread_;
  std::shared_ptr<KafkaConsumer> consumer_;
  std::vector<KafkaName> partitions_;              // that topics have
  Places places_;                                  // that are ours
  Places assigned_;                                // that Kafka was told to read
  std::unique_ptr<std::vector<Claimed>> claimed_;  // an answer that was not looked at yet
  uint64_t asks_ = 0, valid_from_ = 1;             // claims; answers to older ones are out of date
  std::chrono::steady_clock::time_point look_at_{}, announce_at_{};
  std::string absent_;
  size_t applying_ = 0, absent_count_ = 0;
  Bell lease_bell_, applied_, let_go_;
  bool is_running_ = false, is_holding_ = false, draining_ = false, released_ = false;
};

}  // namespace tenfold::sidecar
