#include "workers/sink/worker.hpp"

#include <algorithm>
#include <map>

#include "sidecar/kafka_client.hpp"
#include "sidecar/pg_values.hpp"
#include "sidecar/trouble.hpp"
#include "workers/sink/message.hpp"

namespace tenfold::sink {
namespace {

using namespace std::chrono_literals;
using sidecar::Argument;
using sidecar::KafkaConsumer;
using sidecar::KafkaMessage;
using sidecar::KafkaPartition;
using sidecar::number;
using sidecar::Query;
using sidecar::Rows;
using sidecar::Services;
using sidecar::SettingRow;
using sidecar::Statement;
using sidecar::Task;
using sidecar::WorkerDatabase;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds read_time = 200ms, announce_every = 1s, patience = 10s;

std::vector<SettingRow> settings() {
  using Kind = sidecar::SettingKind;
  return {
      {"sink.source", Kind::text, "main", "reads the topics that tenfold.kafka_sink has for this source"},
      {"sink.batch", Kind::number, "5000", "messages of one transaction", 1, 100'000},
      {"sink.retry_most", Kind::duration, "5s", "between two tries while something is away", 50, 3'600'000},
  };
}

// Where a partition is, by name and number.
using Name = std::pair<std::string, int>;
struct Place {
  std::string epoch;
  std::optional<int64_t> next = std::nullopt;  // nothing: it was never read
};
using Places = std::map<Name, Place>;

// A row of claim_kafka_partitions().
struct Claimed {
  Name name;
  std::string epoch;
  std::optional<int64_t> next;
  bool from_end = false;
};

std::string text_of(const Name& name) {
  return name.first + "/" + std::to_string(name.second);
}

// The offset of a partition that is about to be read. Throws if Kafka does not have it: what it deleted would
// be skipped in silence, and in a topic that was made anew old offsets mean other messages.
int64_t first_offset(const KafkaConsumer& consumer, const std::string& source, const Claimed& claimed) {
  const auto [low, high] = consumer.bounds(claimed.name.first, claimed.name.second, patience);
  if (!claimed.next) return claimed.from_end ? high : low;
  if (*claimed.next >= low && *claimed.next <= high) return *claimed.next;
  throw sidecar::KafkaFailure(
      "partition " + text_of(claimed.name) + " is read up to " + std::to_string(*claimed.next) +
      ", and Kafka has " + std::to_string(low) + " to " + std::to_string(high) +
      ": it deleted messages, or the topic was made anew. SELECT " + "tenfold.set_kafka_offset('" + source +
      "', '" + claimed.name.first + "', " + std::to_string(claimed.name.second) + ", " +
      std::to_string(*claimed.next < low ? low : 0) + ") goes on");
}

std::vector<KafkaPartition> positions_of(const Places& places) {
  std::vector<KafkaPartition> positions;
  for (const auto& [name, place] : places) positions.push_back({name.first, name.second, place.next.value()});
  return positions;
}

// The messages of one partition, as arrays.
struct Batch {
  std::vector<std::string> offsets;
  std::string keys = "{", payloads = "{", headers = "{";

  void add(const KafkaMessage& message, const Headers& own) {
    offsets.push_back(std::to_string(message.offset()));
    append(keys, message.key());
    append(payloads, message.payload());
    append(headers, json_of(own));
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

struct Statements {
  Statement topics, claim, release, apply, bury;

  explicit Statements(const WorkerDatabase& database)
      : topics(database.statement("SELECT topic FROM tenfold.kafka_sink WHERE source = $1 ORDER BY topic")),
        claim(database.statement("SELECT topic, partition, epoch, next_offset, start "
                                 "FROM tenfold.claim_kafka_partitions($1, $2, $3, $4, $5)")),
        release(database.statement("SELECT tenfold.release_kafka_partitions($1, $2)")),
        apply(
            database.statement("SELECT tenfold.apply_kafka_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")),
        bury(database.statement("SELECT tenfold.bury_kafka_message($1, $2, $3, $4, $5, $6, $7, $8)")) {}
};

class Sink : public sidecar::RunningWorker {
 public:
  explicit Sink(const Services& services);

  Task<void> load() override;
  void drain() override {
    draining_ = true;
    thread_.hurry();
  }
  bool is_busy() const override { return running_; }

 private:
  using Group = std::vector<KafkaMessage>;

  Task<void> run();
  Task<void> consume();
  Task<void> open();
  Task<void> close();
  Task<void> claim();
  Task<std::vector<Claimed>> claimed_partitions();
  Task<std::vector<std::string>> topics();
  Task<void> begin(const Claimed& claimed, Places& places);
  Task<std::map<Name, Group>> read();
  Task<void> apply(const Name& name, const Group& messages);
  Query bury(const Name& name, const KafkaMessage& message, const std::string& reason) const;
  Query move(const Name& name, const Place& from, int64_t next, const Batch& batch) const;
  Task<void> announce();

  Services services_;
  WorkerDatabase& database_;
  Statements statements_;
  const std::string source_, instance_;
  const std::chrono::milliseconds lease_;
  sidecar::Trouble trouble_;
  sidecar::KafkaThread thread_;
  std::shared_ptr<KafkaConsumer> consumer_;
  Places places_;
  Clock::time_point claim_at_{}, announce_at_{};
  std::string absent_;
  double absent_count_ = 0;
  bool running_ = false, draining_ = false;
  prometheus::Counter &messages_, &transactions_, &dead_, &troubles_;
};

Sink::Sink(const Services& services)
    : services_(services),
      database_(services.worker_database),
      statements_(database_),
      source_(services.settings.text("sink.source")),
      instance_(sidecar::instance_name() + ":sink"),
      lease_(services.settings.duration("events.lease")),
      trouble_(services.log, services.settings.duration("sink.retry_most")),
      messages_(
          services.metrics.counter("tenfold_sink_messages_total", "messages of Kafka that were applied")),
      transactions_(
          services.metrics.counter("tenfold_sink_transactions_total", "transactions that applied them")),
      dead_(services.metrics.counter("tenfold_sink_dead_total", "messages that became dead letters")),
      troubles_(services.metrics.counter("tenfold_sink_troubles_total", "times that it had to begin anew")) {
  services.metrics.gauge("tenfold_sink_absent_topics", "topics to read that the brokers do not have",
                         [this] { return absent_count_; });
  if (services.settings.text("kafka.bootstrap").empty())
    throw std::runtime_error("worker sink needs kafka.bootstrap: HOST:PORT of the brokers");
}

Task<void> Sink::load() {
  co_await database_.wait_until_up();
  if (running_) co_return;
  running_ = true;
  services_.loop.spawn("sink", run());
}

Task<void> Sink::run() {
  while (!draining_) {
    std::chrono::milliseconds pause{};
    try {
      co_await consume();
    } catch (const std::exception& failure) {
      troubles_.Increment();
      pause = trouble_.meet("cannot read from Kafka; trying again", failure.what());
    }
    co_await close();
    if (!draining_) co_await sidecar::sleep_for(pause);
  }
  try {
    co_await database_.ask(statements_.release, source_, instance_);
  } catch (const sidecar::PgRefusal&) {
    // the lease ends by itself
  }
  running_ = false;
}

// From one consumer of Kafka to the first trouble. What was read and not applied is read again.
Task<void> Sink::consume() {
  co_await open();
  while (!draining_) {
    if (Clock::now() >= claim_at_) co_await claim();
    const auto groups = co_await read();
    for (const auto& [name, messages] : groups) co_await apply(name, messages);
    if (Clock::now() >= announce_at_) co_await announce();
  }
}

Task<void> Sink::open() {
  auto options = sidecar::kafka_options(services_.settings);
  options.try_emplace("queued.max.messages.kbytes", "65536");  // of all partitions together
  const auto environment = thread_.environment(services_.loop, services_.log);
  auto make = [options, group = "tenfold.sink." + source_, environment] {
    return std::make_shared<KafkaConsumer>(options, group, environment);
  };
  consumer_ = co_await thread_.run(std::move(make));
  co_await claim();
  trouble_.end("reading from Kafka");
}

Task<void> Sink::close() {
  auto end = [spent = std::move(consumer_)]() mutable { spent.reset(); };
  consumer_.reset();
  places_.clear();
  co_await thread_.run(std::move(end));
}

// Every third of the lease: says that we live, and learns which partitions are ours.
Task<void> Sink::claim() {
  const auto claimed = co_await claimed_partitions();
  claim_at_ = Clock::now() + lease_ / 3;
  Places places;
  for (const Claimed& one : claimed) {
    const auto known = places_.find(one.name);
    if (known != places_.end() && known->second.epoch == one.epoch)
      places.insert(*known);
    else
      co_await begin(one, places);
  }
  const auto names = [](const auto& one) { return std::pair(one.first, one.second.epoch); };
  const bool is_same = std::ranges::equal(places, places_, {}, names, names);
  places_ = std::move(places);
  if (is_same) co_return;
  auto assign = [consumer = consumer_, positions = positions_of(places_)] { consumer->assign(positions); };
  co_await thread_.run(std::move(assign));
}

Task<std::vector<Claimed>> Sink::claimed_partitions() {
  const auto wanted = co_await topics();
  auto ask = [consumer = consumer_] { return consumer->topics(); };
  const auto known = co_await thread_.run(std::move(ask));
  std::vector<std::string> names, partitions;
  std::string absent;
  absent_count_ = 0;
  for (const std::string& topic : wanted) {
    const auto found = known.find(topic);
    if (found == known.end()) absent += (absent_count_++ == 0 ? "" : ", ") + topic;
    for (int i = 0; found != known.end() && i < found->second; i++) {
      names.push_back(topic);
      partitions.push_back(std::to_string(i));
    }
  }
  if (absent != absent_ && !absent.empty())
    services_.log.warning("topics do not exist at the broker; looking again", {{"topics", absent}});
  absent_ = absent;
  const Rows rows =
      co_await database_.ask(statements_.claim, source_, instance_, sidecar::text_array(names),
                             sidecar::text_array(partitions), std::to_string(lease_.count()) + " ms");
  std::vector<Claimed> claimed;
  for (int row = 0; row < rows.size(); row++) {
    claimed.push_back({{std::string(rows.text(row, 0)), number<int>(rows.text(row, 1))},
                       std::string(rows.text(row, 2)),
                       std::nullopt,
                       rows.text(row, 4) == "end"});
    if (!rows.is_null(row, 3)) claimed.back().next = number<int64_t>(rows.text(row, 3));
  }
  co_return claimed;
}

Task<std::vector<std::string>> Sink::topics() {
  const Rows rows = co_await database_.ask(statements_.topics, source_);
  std::vector<std::string> topics;
  for (int row = 0; row < rows.size(); row++) topics.emplace_back(rows.text(row, 0));
  co_return topics;
}

// A partition that was never read has its beginning noted before its first message is.
Task<void> Sink::begin(const Claimed& claimed, Places& places) {
  auto look = [consumer = consumer_, source = source_, claimed] {
    return first_offset(*consumer, source, claimed);
  };
  const int64_t next = co_await thread_.run(std::move(look));
  places[claimed.name] = {claimed.epoch, next};
  if (claimed.next) co_return;
  std::vector<Query> note{move(claimed.name, {claimed.epoch}, next, {})};
  co_await database_.run(std::move(note));
}

// What has come, by partition. Messages of an earlier assignment may still come: those are left out.
Task<std::map<Name, Sink::Group>> Sink::read() {
  auto take = [consumer = consumer_, most = services_.settings.size("sink.batch")] {
    return consumer->read(most, read_time);
  };
  auto messages = co_await thread_.run(std::move(take));
  std::map<Name, Group> groups;
  for (KafkaMessage& message : messages) {
    const Name name(message.topic(), message.partition());
    const auto place = places_.find(name);
    if (place != places_.end() && message.offset() >= place->second.next.value())
      groups[name].push_back(std::move(message));
  }
  co_return groups;
}

Task<void> Sink::apply(const Name& name, const Group& messages) {
  Batch batch;
  std::vector<Query> queries;
  for (const KafkaMessage& message : messages) {
    const Headers headers = message.headers();
    if (const auto reason = poison(message.key(), message.payload(), headers))
      queries.push_back(bury(name, message, *reason));
    else
      batch.add(message, headers);
  }
  const int64_t next = messages.back().offset() + 1;
  const auto buried = static_cast<double>(queries.size());
  queries.push_back(move(name, places_[name], next, batch));
  const Rows rows = co_await database_.run(std::move(queries));
  places_[name].next = next;
  const double dead = buried + number<int>(rows.text(0, 0));
  transactions_.Increment();
  dead_.Increment(dead);
  messages_.Increment(static_cast<double>(messages.size()) - dead);
  if (dead > 0)
    services_.log.warning("messages became dead letters: see tenfold.kafka_dead",
                          {{"partition", text_of(name)}, {"count", std::to_string(static_cast<int>(dead))}});
}

Query Sink::bury(const Name& name, const KafkaMessage& message, const std::string& reason) const {
  Query query = WorkerDatabase::query(statements_.bury, source_, name.first, std::to_string(name.second),
                                      std::to_string(message.offset()));
  for (const auto bytes : {message.key(), message.payload()})
    query.arguments.push_back({bytes ? std::optional<std::string>(*bytes) : std::nullopt, true});
  query.arguments.push_back({json_of(message.headers())});
  query.arguments.push_back({reason});
  return query;
}

Query Sink::move(const Name& name, const Place& from, int64_t next, const Batch& batch) const {
  Query query =
      WorkerDatabase::query(statements_.apply, source_, name.first, std::to_string(name.second), from.epoch);
  query.arguments.emplace_back();
  if (from.next) query.arguments.back().value = std::to_string(*from.next);
  query.arguments.push_back({std::to_string(next)});
  query.arguments.push_back({sidecar::text_array(batch.offsets)});
  for (const std::string* array : {&batch.keys, &batch.payloads, &batch.headers})
    query.arguments.push_back({*array + '}'});
  return query;
}

// For people who watch the group's lag in Kafka. We never read it.
Task<void> Sink::announce() {
  announce_at_ = Clock::now() + announce_every;
  auto tell = [consumer = consumer_, positions = positions_of(places_)] { consumer->announce(positions); };
  co_await thread_.run(std::move(tell));
}

}  // namespace

sidecar::Worker worker() {
  return {"sink", "hands messages of Kafka to functions of Postgres, exactly once", settings(),
          [](Services services) { return std::make_unique<Sink>(services); }};
}

}  // namespace tenfold::sink
