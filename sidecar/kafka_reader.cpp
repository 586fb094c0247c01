#include "sidecar/kafka_reader.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "sidecar/pg_values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds read_time = 200ms, announce_every = 1s, patience = 10s;

}  // namespace

KafkaStatements::KafkaStatements(const WorkerDatabase& database, std::string source)
    : source_(std::move(source)),
      claim_(database.statement("SELECT topic, partition, epoch, next_offset, start "
                                "FROM tenfold.claim_kafka_partitions($1, $2, $3, $4, $5)")),
      release_(database.statement("SELECT tenfold.release_kafka_partitions($1, $2)")),
      move_(database.statement("SELECT tenfold.apply_kafka_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")),
      bury_(database.statement("SELECT tenfold.bury_kafka_message($1, $2, $3, $4, $5, $6, $7, $8, $9)")) {}

Query KafkaStatements::claim(const std::string& instance, const std::vector<KafkaName>& partitions,
                             std::chrono::milliseconds lease) const {
  std::vector<std::string> topics, numbers;
  for (const auto& [topic, number] : partitions) {
    topics.push_back(topic);
    numbers.push_back(std::to_string(number));
  }
  return WorkerDatabase::query(claim_, source_, instance, text_array(topics), text_array(numbers),
                               std::to_string(lease.count()) + " ms");
}

Query KafkaStatements::release(const std::string& instance) const {
  return WorkerDatabase::query(release_, source_, instance);
}

Query KafkaStatements::move(const KafkaName& name, int64_t epoch, std::optional<int64_t> from, int64_t next,
                            const Arrays& arrays) const {
  Query query = WorkerDatabase::query(move_, source_, name.first, std::to_string(name.second),
                                      std::to_string(epoch), std::string(), std::to_string(next),
                                      arrays.offsets, arrays.keys, arrays.payloads, arrays.headers);
  query.arguments[4] = {};
  if (from) query.arguments[4].value = std::to_string(*from);
  return query;
}

Query KafkaStatements::bury(const KafkaName& name, Letter letter) const {
  Query query = WorkerDatabase::query(bury_, source_, name.first, std::to_string(name.second),
                                      std::to_string(letter.offset));
  query.arguments.push_back({std::move(letter.key), true});
  query.arguments.push_back({std::move(letter.payload), true});
  for (std::string* text : {&letter.headers, &letter.reason}) query.arguments.push_back({std::move(*text)});
  query.arguments.push_back({std::to_string(letter.attempts)});
  return query;
}

// A row of claim_kafka_partitions().
struct KafkaReader::Claimed {
  KafkaName name;
  int64_t epoch;
  std::optional<int64_t> next;  // nothing: it was never read
  bool from_end;

  Claimed(const Rows& rows, int row)
      : name(rows.text(row, 0), number<int>(rows.text(row, 1))),
        epoch(number<int64_t>(rows.text(row, 2))),
        from_end(rows.text(row, 4) == "end") {
    if (!rows.is_null(row, 3)) next = number<int64_t>(rows.text(row, 3));
  }

  // Throws if Kafka does not have it: what it deleted would be skipped in silence, and in a topic that was
  // made anew old offsets mean other messages.
  int64_t first_offset(const KafkaConsumer& consumer, const std::string& source) const {
    const auto& [topic, partition] = name;
    const auto [low, high] = consumer.bounds(topic, partition, patience);
    if (!next) return from_end ? high : low;
    if (*next >= low && *next <= high) return *next;
    const std::string place = std::to_string(partition);
    throw KafkaFailure(
        "partition " + topic + "/" + place + " is read up to " + std::to_string(*next) + ", and Kafka has " +
        std::to_string(low) + " to " + std::to_string(high) +
        ": it deleted messages, or the topic was made anew. SELECT tenfold.set_kafka_offset('" + source +
        "', '" + topic + "', " + place + ", " + std::to_string(*next < low ? low : 0) + ") goes on");
  }
};

KafkaReader::KafkaReader(Loop& loop, const Log& log, WorkerDatabase& database,
                         const KafkaStatements& statements, prometheus::Counter& troubles,
                         KafkaReaderOptions options, KafkaTarget& target)
    : loop_(loop),
      log_(log),
      database_(database),
      statements_(statements),
      troubles_(troubles),
      options_(std::move(options)),
      target_(target),
      trouble_(log, options_.longest_pause),
      applied_(loop.io()) {}

void KafkaReader::start() {
  if (std::exchange(is_running_, true)) return;
  loop_.spawn("kafka source " + statements_.source(), run());
}

void KafkaReader::drain() {
  draining_ = true;
  thread_.hurry();
  if (consumer_) consumer_->wake();
}

Task<void> KafkaReader::run() {
  co_await database_.wait_until_up();
  while (!draining_) {
    std::chrono::milliseconds pause{};
    try {
      co_await consume();
    } catch (const std::exception& failure) {
      troubles_.Increment();
      pause = trouble_.meet("cannot read from Kafka; trying again", failure.what());
    }
    co_await close();
    if (!draining_) co_await sleep_for(pause);
  }
  co_await all_applied();
  co_await give_back();
  is_running_ = false;
}

// From one consumer of Kafka to the first trouble with it. What was read and not applied is read again.
Task<void> KafkaReader::consume() {
  co_await open();
  while (!draining_) {
    if (claims_now_ || Clock::now() >= claim_at_) co_await claim();
    co_await read();
    if (Clock::now() >= announce_at_) co_await announce();
  }
}

Task<void> KafkaReader::open() {
  auto options = options_.kafka;
  options.try_emplace("queued.max.messages.kbytes", "16384");  // of each partition
  const auto environment = thread_.environment(loop_, log_);
  auto make = [options, group = options_.group, environment] {
    return std::make_shared<KafkaConsumer>(options, group, environment);
  };
  consumer_ = co_await thread_.run(std::move(make));
  co_await claim();
  trouble_.end("reading from Kafka");
}

// What is being applied goes on, and its partition with it.
Task<void> KafkaReader::close() {
  assigned_.clear();
  std::erase_if(places_, [](const auto& one) { return !one.second->is_busy; });
  auto end = [spent = std::move(consumer_)]() mutable { spent.reset(); };
  consumer_.reset();
  co_await thread_.run(std::move(end));
}

// Every third of the lease: says that we live, and learns which partitions are ours. One that we had and lost
// is begun anew when its last messages have ended.
Task<void> KafkaReader::claim() {
  claims_now_ = false;
  const std::vector<Claimed> claimed = co_await claimed_partitions();
  claim_at_ = Clock::now() + options_.lease / 3;  // not before: the broker may answer late
  std::map<KafkaName, Place> places;
  for (const Claimed& one : claimed) {
    const auto known = places_.find(one.name);
    const bool is_kept =
        known != places_.end() && known->second->epoch == one.epoch && !known->second->is_lost;
    if (is_kept)
      places.insert(*known);
    else if (known == places_.end() || !known->second->is_busy)
      places[one.name] = co_await begin(one);
  }
  for (const auto& [name, place] : places_) {
    if (!places.contains(name)) lose(*place);
    if (place->is_busy) places.emplace(name, place);
  }
  places_ = std::move(places);
  co_await assign();
}

Task<std::vector<KafkaReader::Claimed>> KafkaReader::claimed_partitions() {
  std::vector<Query> ask;
  ask.push_back(statements_.claim(options_.instance, co_await partitions(), options_.lease));
  const Rows rows = co_await database_.run(std::move(ask));
  std::vector<Claimed> claimed;
  for (int row = 0; row < rows.size(); row++) claimed.emplace_back(rows, row);
  co_return claimed;
}

// That we can read.
Task<std::vector<KafkaName>> KafkaReader::partitions() {
  const auto wanted = co_await target_.topics();
  auto ask = [consumer = consumer_] { return consumer->topics(); };
  const auto known = co_await thread_.run(std::move(ask));
  std::vector<KafkaName> partitions;
  std::string absent;
  absent_count_ = 0;
  for (const std::string& topic : wanted) {
    const auto found = known.find(topic);
    if (found == known.end()) absent += (absent_count_++ == 0 ? "" : ", ") + topic;
    for (int i = 0; found != known.end() && i < found->second; i++) {
      const auto place = places_.find({topic, i});
      if (place == places_.end() || !target_.is_stuck(*place->second)) partitions.emplace_back(topic, i);
    }
  }
  if (absent != absent_ && !absent.empty())
    log_.warning("topics do not exist at the broker; looking again", {{"topics", absent}});
  absent_ = absent;
  co_return partitions;
}

void KafkaReader::lose(KafkaPlace& place) {
  place.is_lost = true;
  if (place.is_busy) target_.stop(place);
}

// A partition that was never read has its beginning noted before its first message is.
Task<KafkaReader::Place> KafkaReader::begin(Claimed claimed) {
  auto look = [consumer = consumer_, source = statements_.source(), claimed] {
    return claimed.first_offset(*consumer, source);
  };
  const int64_t next = co_await thread_.run(std::move(look));
  if (!claimed.next) {
    std::vector<Query> note{statements_.move(claimed.name, claimed.epoch, {}, next, {})};
    co_await database_.run(std::move(note));
  }
  co_return std::make_shared<KafkaPlace>(KafkaPlace{claimed.name, claimed.epoch, next, next});
}

Task<void> KafkaReader::assign() {
  std::vector<Place> ours;
  std::vector<KafkaPartition> positions;
  for (const auto& [name, place] : places_) {
    if (place->is_lost) continue;
    ours.push_back(place);
    positions.push_back({name.first, name.second, place->read_to});
  }
  if (ours == assigned_) co_return;
  assigned_ = std::move(ours);
  auto tell = [consumer = consumer_, positions] { consumer->assign(positions); };
  co_await thread_.run(std::move(tell));
}

// What has come for partitions that the target has done with. Messages of an earlier assignment may still
// come: those are left out.
Task<void> KafkaReader::read() {
  std::vector<KafkaPartition> idle;
  for (const Place& place : assigned_)
    if (!place->is_busy && !place->is_lost) idle.push_back({place->name.first, place->name.second});
  auto take = [consumer = consumer_, idle, most = options_.most_messages] {
    return consumer->read(idle, most, read_time);
  };
  auto messages = co_await thread_.run(std::move(take));
  std::map<KafkaName, std::vector<KafkaMessage>> groups;
  for (KafkaMessage& message : messages)
    groups[{std::string(message.topic()), message.partition()}].push_back(std::move(message));
  for (auto& [name, group] : groups) {
    const Place place = places_.at(name);
    std::erase_if(group, [&](const auto& one) { return one.offset() < place->read_to; });
    if (group.empty()) continue;
    place->is_busy = true;
    place->read_to = group.back().offset() + 1;
    applying_++;
    loop_.spawn("partition " + place->text(), apply(place, std::move(group)));
    if (options_.one_by_one) co_await all_applied();
  }
}

Task<void> KafkaReader::apply(Place place, std::vector<KafkaMessage> messages) {
  Trouble& trouble = trouble_of_.try_emplace(place->name, log_, options_.longest_pause).first->second;
  std::optional<std::chrono::milliseconds> pause;
  try {
    co_await target_.apply(*place, std::move(messages));
    trouble.end("partition " + place->text() + " goes on");
  } catch (const std::exception& failure) {
    troubles_.Increment();
    pause = trouble.meet("cannot apply messages of Kafka; trying again", failure.what());
  }
  if (pause && !draining_) co_await sleep_for(*pause);
  place->is_lost |= place->next < place->read_to;
  place->is_busy = false;
  claims_now_ |= place->is_lost;
  if (consumer_) consumer_->wake();
  applying_--;
  applied_.cancel();
}

Task<void> KafkaReader::all_applied() {
  while (applying_ > 0) {
    applied_.expires_at(Clock::time_point::max());
    co_await applied_.async_wait(as_tuple);
  }
}

// For people who watch the group's lag in Kafka. We never read it.
Task<void> KafkaReader::announce() {
  announce_at_ = Clock::now() + announce_every;
  std::vector<KafkaPartition> positions;
  for (const Place& place : assigned_)
    positions.push_back({place->name.first, place->name.second, place->next});
  auto tell = [consumer = consumer_, positions] { consumer->announce(positions); };
  co_await thread_.run(std::move(tell));
}

Task<void> KafkaReader::give_back() {
  std::vector<Query> release;
  release.push_back(statements_.release(options_.instance));
  co_await database_.try_run(std::move(release));  // else the lease ends by itself
}

}  // namespace tenfold::sidecar
