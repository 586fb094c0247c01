// A relay's side of Kafka, from one init of its producer to the first trouble. Its calls wait for the broker.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kafka/client.hpp"
#include "postgres/statement.hpp"
#include "workers/relay/marker.hpp"

namespace tenfold::relay {

struct SessionOptions {
  std::string name;  // of the relay: its transactional.id, its group and its marker topic have it too
  sidecar::KafkaOptions kafka;
  bool create_topics = true;
  std::chrono::milliseconds transaction_timeout{60'000};
  bool is_careful = false;  // sends one by one: the broker's limit holds for what comes together
};

// Events that Kafka will never take, by id, with the reason.
using Refused = std::vector<std::pair<int64_t, std::string>>;

// If any was refused, nothing was committed, and the session is of no use any more.
struct Sent {
  std::chrono::duration<double> time{};  // that the transaction took
  Refused refused = {};
  bool is_sure =
      true;  // false: the broker refused what came together, and one of them may be to blame for all
};

class Session {
 public:
  // Makes what Kafka lacks, fences every other relay of this name, and ends the transaction it left open.
  Session(SessionOptions options, const std::map<std::string, int>& topics,
          const sidecar::KafkaEnvironment& environment);

  // Kafka's marker; nothing if it has none.
  std::optional<Marker> marker() const;
  // Topics that the database got meanwhile.
  void add_topics(const std::map<std::string, int>& topics);
  bool knows(const std::string& topic) const { return topics_.contains(topic); }

  // One transaction: the rows of tenfold.batch_events(), and the marker.
  Sent send(const sidecar::Rows& events, const Marker& marker);
  // The marker alone.
  void write(const Marker& marker);

 private:
  sidecar::KafkaOptions producer_options() const;
  std::string marker_topic() const { return "tenfold.relay." + options_.name; }
  std::optional<std::string> send_event(const sidecar::Rows& events, int row, const std::string& tick);
  void commit(const Marker& marker);

  SessionOptions options_;
  sidecar::KafkaConsumer reader_;
  sidecar::KafkaProducer producer_;
  std::set<std::string> topics_;
};

}  // namespace tenfold::relay
