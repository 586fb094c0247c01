#include "workers/sink/worker.hpp"

#include "base/json_text.hpp"
#include "kafka/message.hpp"
#include "kafka/reader.hpp"
#include "postgres/values.hpp"

namespace tenfold::sink {
namespace {

using namespace std::chrono_literals;
using sidecar::KafkaMessage;
using sidecar::KafkaPlace;
using sidecar::KafkaStatements;
using sidecar::number;
using sidecar::Query;
using sidecar::Rows;
using sidecar::Services;
using sidecar::SettingRow;
using sidecar::Task;

std::vector<SettingRow> settings() {
  using Kind = sidecar::SettingKind;
  return {
      {"sink.source", Kind::text, "main", "reads the topics that tenfold.kafka_sink has for this source"},
      {"sink.batch", Kind::number, "5000", "messages of one transaction", 1, 100'000},
      {"sink.retry_most", Kind::duration, "5s", "between two tries while something is away", 50, 3'600'000},
  };
}

sidecar::KafkaReaderOptions reader_options(const sidecar::Settings& settings, const std::string& source) {
  return {.kafka = sidecar::kafka_options(settings),
          .group = "tenfold.sink." + source,
          .instance = sidecar::instance_name() + ":sink",
          .lease = settings.duration("events.lease"),
          .longest_pause = settings.duration("sink.retry_most"),
          .most_messages = settings.size("sink.batch"),
          .one_by_one = true};  // functions of one batch may write what those of another do
}

// The messages of one partition, as arrays.
struct Batch {
  KafkaStatements::Arrays arrays{"{", "{", "{", "{"};

  void add(const KafkaMessage& message, const sidecar::KafkaHeaders& headers) {
    append(arrays.offsets, std::to_string(message.offset()));
    append(arrays.keys, message.key());
    append(arrays.payloads, message.payload());
    append(arrays.headers, sidecar::json_object(sidecar::texts_of(headers)));
  }

  KafkaStatements::Arrays end() && {
    for (std::string* array : {&arrays.offsets, &arrays.keys, &arrays.payloads, &arrays.headers})
      *array += '}';
    return std::move(arrays);
  }

 private:
  static void append(std::string& array, std::optional<std::string_view> element) {
    if (array.size() > 1) array += ',';
    if (element)
      sidecar::append_element(array, *element);
    else
      array += "NULL";
  }
};

KafkaStatements::Letter letter_of(const KafkaMessage& message, const sidecar::KafkaHeaders& headers,
                                  const std::string& reason) {
  const auto text = [](std::optional<std::string_view> bytes) {
    return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
  };
  return {message.offset(), text(message.key()), text(message.payload()),
          sidecar::json_object(sidecar::texts_of(headers)), reason};
}

class Sink : public sidecar::RunningWorker, sidecar::KafkaTarget {
 public:
  explicit Sink(const Services& services);

  Task<void> load() override {
    co_await services_.worker_database.wait_until_up();
    reader_.start();
  }
  void drain() override { reader_.drain(); }
  bool is_busy() const override { return reader_.is_busy(); }
  Task<void> give_back() override { return reader_.give_back(); }

 private:
  Task<std::vector<std::string>> topics() override;
  Task<void> apply(KafkaPlace& place, std::vector<KafkaMessage> messages) override;

  Services services_;
  KafkaStatements statements_;
  sidecar::Statement topics_;
  prometheus::Counter &messages_, &transactions_, &dead_, &troubles_;
  sidecar::KafkaReader reader_;
};

std::string source_of(const Services& services) {
  if (services.settings.text("kafka.bootstrap").empty())
    throw std::runtime_error("worker sink needs kafka.bootstrap: HOST:PORT of the brokers");
  return services.settings.text("sink.source");
}

Sink::Sink(const Services& services)
    : services_(services),
      statements_(services.worker_database, source_of(services)),
      topics_(services.worker_database.statement(
          "SELECT topic FROM tenfold.kafka_sink WHERE source = $1 AND handler IS NOT NULL ORDER BY topic")),
      messages_(
          services.metrics.counter("tenfold_sink_messages_total", "messages of Kafka that were applied")),
      transactions_(
          services.metrics.counter("tenfold_sink_transactions_total", "transactions that applied them")),
      dead_(services.metrics.counter("tenfold_sink_dead_total", "messages that became dead letters")),
      troubles_(services.metrics.counter("tenfold_sink_troubles_total", "times that it had to begin anew")),
      reader_(services.loop, services.log, services.worker_database, statements_, troubles_,
              reader_options(services.settings, statements_.source()), *this) {
  services.metrics.gauge("tenfold_sink_absent_topics", "topics to read that the brokers do not have",
                         [this] { return static_cast<double>(reader_.absent_topics()); });
}

Task<std::vector<std::string>> Sink::topics() {
  const Rows rows = co_await services_.worker_database.ask(topics_, statements_.source());
  std::vector<std::string> topics;
  for (int row = 0; row < rows.size(); row++) topics.emplace_back(rows.text(row, 0));
  co_return topics;
}

Task<void> Sink::apply(KafkaPlace& place, std::vector<KafkaMessage> messages) {
  Batch batch;
  std::vector<Query> queries;
  for (const KafkaMessage& message : messages) {
    const sidecar::KafkaHeaders headers = message.headers();
    if (const auto reason = sidecar::poison(message.key(), message.payload(), headers))
      queries.push_back(statements_.bury(place.name, letter_of(message, headers, *reason)));
    else
      batch.add(message, headers);
  }
  const int64_t next = messages.back().offset() + 1;
  const auto made_at = messages.back().made_at();
  const auto count = static_cast<double>(messages.size()), buried = static_cast<double>(queries.size());
  messages.clear();
  queries.push_back(
      statements_.move(place.name, place.epoch, {place.next, next, made_at}, std::move(batch).end()));
  const Rows rows = co_await services_.worker_database.run(std::move(queries));
  place.advance(next, made_at);
  const double dead = buried + number<int>(rows.text(0, 0));
  transactions_.Increment();
  dead_.Increment(dead);
  messages_.Increment(count - dead);
  if (dead > 0)
    services_.log.warning("messages became dead letters: see tenfold.kafka_dead",
                          {{"partition", place.text()}, {"count", std::to_string(static_cast<int>(dead))}});
}

}  // namespace

sidecar::Worker worker() {
  return {"sink", "hands messages of Kafka to functions of Postgres, exactly once", settings(),
          [](Services services) { return std::make_unique<Sink>(services); }};
}

}  // namespace tenfold::sink
