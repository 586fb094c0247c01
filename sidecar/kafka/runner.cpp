#include "kafka/runner.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>

#include "base/json_text.hpp"
#include "events/batch.hpp"
#include "kafka/message.hpp"
#include "kafka/reader.hpp"
#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds try_again_after = 100ms;
constexpr size_t most_letters = 100;  // in one transaction

std::optional<std::string> text_or_none(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<std::string_view> text_or_null(const Rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.text(row, column);
}

BatchRules rules_of(const KafkaSource& source) {
  return {.name = source.source,
          .handler = source.handler,
          .most_in_flight = source.most_in_flight,
          .deadline = source.deadline,
          .retry = BatchRules::Retry{source.most_attempts, source.retry_least, source.retry_most}};
}

KafkaReaderOptions reader_options(const Settings& settings, const KafkaSource& source) {
  return {.kafka = kafka_options(settings),
          .group = "tenfold." + source.source,
          .instance = instance_name() + ":kafka",
          .lease = settings.duration("events.lease"),
          .longest_pause = 5s,
          .most_messages = source.most_events};
}

struct Counters {
  explicit Counters(Metrics& metrics, const Labels& labels)
      : handled(
            metrics.counter("tenfold_kafka_handled_total", "messages whose effects are committed", labels)),
        failed(metrics.counter("tenfold_kafka_failed_total", "attempts that failed", labels)),
        dead(metrics.counter("tenfold_kafka_dead_total", "messages that became dead letters", labels)),
        batches(metrics.counter("tenfold_kafka_batches_total", "transactions that are committed", labels)),
        troubles(
            metrics.counter("tenfold_kafka_troubles_total", "times that something was begun anew", labels)),
        seconds(metrics.histogram("tenfold_kafka_run_seconds", "time of one attempt", labels)) {}

  prometheus::Counter &handled, &failed, &dead, &batches, &troubles;
  prometheus::Histogram& seconds;
};

}  // namespace

// One source.
class KafkaRunner::Feed : public KafkaTarget {
 public:
  Feed(KafkaRunner& runner, KafkaSource source);

  void start();
  void drain();
  Task<void> give_back() { return reader_.give_back(); }
  bool is_busy() const { return reader_.is_busy() || !batches_.empty(); }

  Task<std::vector<std::string>> topics() override;
  Task<void> apply(KafkaPlace& place, std::vector<KafkaMessage> messages) override;
  void stop(const KafkaPlace& place) override;
  bool is_stuck(const KafkaPlace& place) const override;

 private:
  // The transaction that ends some events of a batch, from the first to before the last of these numbers; and
  // what to do when it is committed.
  struct End {
    std::function<Transaction(size_t, size_t)> transaction;
    std::function<void(size_t)> committed;
  };

  void add(Batch& batch, KafkaEvent made, int64_t epoch) const;
  Task<void> run(const void* owner, Batch& batch, const End& end);
  enum class Outcome { committed, refused, lost };
  Task<Outcome> commit(Batch& batch, Transaction transaction);
  void count(const Batch& batch, size_t first, size_t last) const;
  Query bury(const KafkaPlace& place, int64_t offset, const Batch::Item& item) const;
  Task<void> redrive_for_ever();
  Task<size_t> redrive();
  Query end_redrive(const Rows& letters, int row, const Batch::Item& item) const;

  Loop& loop_;
  const Log& log_;
  WorkerDatabase& database_;
  const KafkaSource source_;
  const Counters counters_;
  BatchRules rules_;
  const KafkaReaderOptions options_;
  KafkaStatements statements_;
  Statement create_, redriven_, end_redrive_;
  KafkaReader reader_;
  Bell redrive_bell_;
  Trouble trouble_;                        // with Postgres, that passes
  std::map<const void*, Batch*> batches_;  // under way, by whom they are of
  bool draining_ = false;
};

KafkaRunner::Feed::Feed(KafkaRunner& runner, KafkaSource source)
    : loop_(runner.loop_),
      log_(runner.log_),
      database_(runner.database_),
      source_(std::move(source)),
      counters_(runner.metrics_, {{"source", source_.source}}),
      rules_(rules_of(source_)),
      options_(reader_options(runner.settings_, source_)),
      statements_(database_, source_.source),
      create_(database_.statement("SELECT tenfold.create_kafka_source($1, $2)")),
      redriven_(database_.statement("SELECT topic, partition, \"offset\", epoch, key, payload, headers "
                                    "FROM tenfold.redriven_kafka($1, $2, $3)")),
      end_redrive_(database_.statement("SELECT tenfold.end_kafka_redrive($1, $2, $3, $4, $5, $6, $7)")),
      reader_(loop_, log_, database_, statements_, counters_.troubles, options_, *this),
      redrive_bell_(loop_.io()),
      trouble_(log_, 5s) {
  rules_.on_time = [this](std::chrono::duration<double> time) { counters_.seconds.Observe(time.count()); };
  rules_.on_attempt = [this](const Event& event, const Attempt& made) {
    if (!made.failed) return;
    counters_.failed.Increment();
    log_.warning("a message failed", {{"source", source_.source},
                                      {"event", event.id},
                                      {"attempt", std::to_string(event.attempt)},
                                      {"reason", made.reason}});
  };
}

void KafkaRunner::Feed::start() {
  reader_.start();
  loop_.keep("dead letters of source " + source_.source, [this] { return redrive_for_ever(); });
}

void KafkaRunner::Feed::drain() {
  draining_ = true;
  for (const auto& [owner, batch] : batches_) batch->hurry();
  reader_.drain();
  redrive_bell_.ring();
}

void KafkaRunner::Feed::stop(const KafkaPlace& place) {
  const auto found = batches_.find(&place);
  if (found != batches_.end()) found->second->stop();
}

bool KafkaRunner::Feed::is_stuck(const KafkaPlace& place) const {
  const auto found = batches_.find(&place);
  return found != batches_.end() && found->second->is_stuck();
}

Task<std::vector<std::string>> KafkaRunner::Feed::topics() {
  co_await database_.ask(create_, source_.source, text_array(source_.topics));
  co_return source_.topics;
}

Task<void> KafkaRunner::Feed::apply(KafkaPlace& place, std::vector<KafkaMessage> messages) {
  Batch batch(loop_, log_, rules_);
  std::vector<int64_t> offsets;
  std::vector<std::optional<int64_t>> made_at;
  const auto& [topic, partition] = place.name;
  for (const KafkaMessage& message : messages) {
    offsets.push_back(message.offset());
    made_at.push_back(message.made_at());
    add(batch,
        kafka_event(kafka_id(topic, partition, offsets.back()), topic, message.key(), message.payload(),
                    message.headers()),
        place.epoch);
  }
  messages.clear();
  // The offset first: who is fenced has no effect to be refused.
  const End end{[&](size_t first, size_t last) {
                  Transaction made;
                  made.add(statements_.move(place.name, place.epoch,
                                            {place.next, offsets[last - 1] + 1, made_at[last - 1]}, {}));
                  for (size_t number = first; number < last; number++)
                    if (batch[number].made.failed)
                      made.add(bury(place, offsets[number], batch[number]));
                    else
                      batch.add_effects(made, number);
                  return made;
                },
                [&](size_t last) { place.advance(offsets[last - 1] + 1, made_at[last - 1]); }};
  co_await run(&place, batch, end);
}

void KafkaRunner::Feed::add(Batch& batch, KafkaEvent made, int64_t epoch) const {
  made.event.epoch = epoch;
  if (!made.poison) {
    batch.add(std::move(made.event));
    return;
  }
  made.event.attempt = 0;
  batch.add_failed(std::move(made.event), *made.poison);
}

// What is settled before the first event that is not, ends at once: an event that is tried again waits for
// its next attempt with nothing before it undone.
Task<void> KafkaRunner::Feed::run(const void* owner, Batch& batch, const End& end) {
  if (draining_) batch.hurry();
  batches_[owner] = &batch;
  const std::shared_ptr<void> over(nullptr, [&](void*) { batches_.erase(owner); });
  size_t ended = 0, most = batch.size();
  while (ended < batch.size()) {
    if (batch.settled_from(ended) == ended) co_await batch.handle();
    const size_t settled = std::min(batch.settled_from(ended), ended + most);
    if (settled == ended || batch.is_stopped()) break;  // it was left
    const Outcome outcome = co_await commit(batch, end.transaction(ended, settled));
    if (outcome == Outcome::lost)
      most = std::max<size_t>(1, (settled - ended) / 2);  // it may be too much for one
    if (outcome != Outcome::committed) continue;
    count(batch, ended, settled);
    end.committed(settled);
    ended = settled;
  }
}

// Refused: an effect was, which is a failure of its event. Where the answer was lost, it may have committed:
// then the next one is refused for its offset, and the partition is claimed anew.
Task<KafkaRunner::Feed::Outcome> KafkaRunner::Feed::commit(Batch& batch, Transaction transaction) {
  while (!batch.is_stopped()) {
    const Reply reply = co_await database_.try_run(transaction.queries);
    if (!reply.failure) {
      trouble_.end("effects of source " + source_.source + " are committed again");
      co_return Outcome::committed;
    }
    if (batch.blame(transaction, reply)) co_return Outcome::refused;
    if (!reply.failure->is_passing()) throw PgRefusal(*reply.failure);
    co_await sleep_for(std::min(
        try_again_after,
        trouble_.meet("cannot commit effects of source " + source_.source, reply.failure->reason())));
    co_await database_.wait_until_up();
    if (reply.failure->kind == PgFailure::Kind::lost) co_return Outcome::lost;
  }
  co_return Outcome::refused;
}

void KafkaRunner::Feed::count(const Batch& batch, size_t first, size_t last) const {
  counters_.batches.Increment();
  for (size_t number = first; number < last; number++) {
    const auto& [event, made, is_settled, due, patience] = batch[number];
    (made.failed ? counters_.dead : counters_.handled).Increment();
    if (made.failed)
      log_.warning("a message is a dead letter: see tenfold.kafka_dead",
                   {{"source", source_.source}, {"event", event.id}, {"reason", made.reason}});
  }
}

Query KafkaRunner::Feed::bury(const KafkaPlace& place, int64_t offset, const Batch::Item& item) const {
  const Event& event = item.event;
  return statements_.bury(place.name, {offset, text_or_none(event.key), text_or_none(event.payload),
                                       json_object(event.headers), item.made.reason, event.attempt});
}

// What an operator redrives is handled beside newer messages of its key.
Task<void> KafkaRunner::Feed::redrive_for_ever() {
  while (!draining_) {
    co_await database_.wait_until_up();
    size_t found = 0;
    try {
      found = co_await redrive();
    } catch (const PgRefusal& refusal) {
      log_.warning("cannot redrive dead letters; trying again",
                   {{"source", source_.source}, {"error", refusal.what()}});
    }
    if (found == most_letters || draining_) continue;
    co_await redrive_bell_.wait(options_.lease / 3);
  }
}

Task<size_t> KafkaRunner::Feed::redrive() {
  const Rows letters =
      co_await database_.ask(redriven_, source_.source, options_.instance, std::to_string(most_letters));
  Batch batch(loop_, log_, rules_);
  for (int row = 0; row < letters.size(); row++) {
    const std::string topic(letters.text(row, 0));
    std::string id =
        kafka_id(topic, number<int>(letters.text(row, 1)), number<int64_t>(letters.text(row, 2)));
    KafkaEvent made =
        kafka_event(std::move(id), topic, text_or_null(letters, row, 4), text_or_null(letters, row, 5), {});
    try {
      made.event.headers = texts_of_json(letters.text(row, 6));
    } catch (const std::invalid_argument& reason) {
      made.poison = reason.what();
    }
    add(batch, std::move(made), number<int64_t>(letters.text(row, 3)));
  }
  const End end{[&](size_t first, size_t last) {
                  Transaction made;
                  for (size_t number = first; number < last; number++) {
                    made.add(end_redrive(letters, static_cast<int>(number), batch[number]));
                    if (!batch[number].made.failed) batch.add_effects(made, number);
                  }
                  return made;
                },
                [](size_t) {}};
  co_await run(&letters, batch, end);
  co_return batch.size();
}

Query KafkaRunner::Feed::end_redrive(const Rows& letters, int row, const Batch::Item& item) const {
  const auto text = [&](int column) { return std::string(letters.text(row, column)); };
  Query query = WorkerDatabase::query(end_redrive_, source_.source, text(0), text(1), text(3), text(2),
                                      item.made.reason, std::to_string(item.event.attempt));
  if (!item.made.failed) query.arguments[5] = {};
  return query;
}

KafkaRunner::KafkaRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database,
                         const Settings& settings)
    : loop_(loop), log_(log), metrics_(metrics), database_(database), settings_(settings) {}

KafkaRunner::~KafkaRunner() = default;

void KafkaRunner::add(KafkaSource source) {
  if (settings_.text("kafka.bootstrap").empty())
    throw std::runtime_error("source " + source.source +
                             " of Kafka needs kafka.bootstrap: HOST:PORT of the brokers");
  feeds_.push_back(std::make_unique<Feed>(*this, std::move(source)));
}

void KafkaRunner::start() {
  for (const auto& feed : feeds_) feed->start();
}

void KafkaRunner::drain() {
  for (const auto& feed : feeds_) feed->drain();
}

Task<void> KafkaRunner::give_back() {
  for (const auto& feed : feeds_) co_await feed->give_back();
}

size_t KafkaRunner::under_way() const {
  return static_cast<size_t>(std::ranges::count_if(feeds_, [](const auto& feed) { return feed->is_busy(); }));
}

}  // namespace tenfold::sidecar
