#include "kafka/reader.hpp"

#include <algorithm>

#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds read_time = 200ms, announce_every = 1s, patience = 10s, quiet_time = 1s;
constexpr size_t prefetched_kb = 65536, prefetched_least_kb = 1024, prefetched_most_kb = 16384;

// What is read ahead is bounded for all partitions together.
std::string prefetched_of_each(size_t partitions) {
  const size_t each = prefetched_kb / std::max<size_t>(1, partitions);
  return std::to_string(std::clamp(each, prefetched_least_kb, prefetched_most_kb));
}

// Only an operator knows what is to be done.
struct KafkaGap : KafkaFailure {
  using KafkaFailure::KafkaFailure;
};

std::string gap(const std::string& source, const KafkaName& name, int64_t next, const std::string& why,
                int64_t goes_on_at) {
  const std::string place = std::to_string(name.second);
  return "partition " + name.first + "/" + place + " is read up to " + std::to_string(next) + ", and " + why +
         ". SELECT tenfold.set_kafka_offset('" + source + "', '" + name.first + "', " + place + ", " +
         std::to_string(goes_on_at) + ") goes on";
}

}  // namespace

KafkaStatements::KafkaStatements(const WorkerDatabase& database, std::string source)
    : source_(std::move(source)),
      claim_(database.statement("SELECT topic, partition, epoch, next_offset, start, made_at "
                                "FROM tenfold.claim_kafka_partitions($1, $2, $3, $4, $5)")),
      release_(database.statement("SELECT tenfold.release_kafka_partitions($1, $2)")),
      move_(database.statement(
          "SELECT tenfold.apply_kafka_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")),
      refuse_(database.statement("SELECT tenfold.refuse_kafka_partition($1, $2, $3, $4, $5)")),
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

Query KafkaStatements::move(const KafkaName& name, int64_t epoch, const Step& step,
                            const Arrays& arrays) const {
  Query query = WorkerDatabase::query(move_, source_, name.first, std::to_string(name.second),
                                      std::to_string(epoch), std::string(), std::to_string(step.next),
                                      arrays.offsets, arrays.keys, arrays.payloads, arrays.headers);
  const auto number = [](std::optional<int64_t> one) {
    return one ? std::optional(std::to_string(*one)) : std::nullopt;
  };
  query.arguments[4].value = number(step.from);
  query.arguments.push_back({number(step.made_at)});
  return query;
}

Query KafkaStatements::refuse(const KafkaName& name, int64_t epoch, const std::string& problem) const {
  return WorkerDatabase::query(refuse_, source_, name.first, std::to_string(name.second),
                               std::to_string(epoch), problem);
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
  std::optional<int64_t> made_at;

  Claimed(const Rows& rows, int row)
      : name(rows.text(row, 0), number<int>(rows.text(row, 1))),
        epoch(number<int64_t>(rows.text(row, 2))),
        from_end(rows.text(row, 4) == "end") {
    if (!rows.is_null(row, 3)) next = number<int64_t>(rows.text(row, 3));
    if (!rows.is_null(row, 5)) made_at = number<int64_t>(rows.text(row, 5));
  }

  // Throws if Kafka does not have it: what it deleted would be skipped in silence, and in a topic that was
  // made anew old offsets mean other messages.
  Beginning beginning(const KafkaConsumer& consumer, const std::string& source) const {
    const auto [low, high] = consumer.bounds(name.first, name.second, patience);
    if (!next) return {from_end ? high : low, {}};
    if (*next == low) return {*next, {}};  // what was before is gone
    if (*next > low && *next <= high) return {*next, made_at};
    const std::string why = "Kafka has " + std::to_string(low) + " to " + std::to_string(high) +
                            ": it deleted messages, or the topic was made anew";
    throw KafkaGap(gap(source, name, *next, why, *next < low ? low : 0));
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
      lease_trouble_(log, options_.longest_pause),
      lease_bell_(loop.io()),
      applied_(loop.io()),
      let_go_(loop.io()) {}

KafkaReader::~KafkaReader() = default;

void KafkaReader::start() {
  if (std::exchange(is_running_, true)) return;
  loop_.keep("kafka source " + statements_.source(), [this] { return run(); });
  loop_.keep("leases of kafka source " + statements_.source(), [this] { return hold(); });
}

void KafkaReader::drain() {
  draining_ = true;
  thread_.hurry();
  if (consumer_) consumer_->wake();
}

// Every third of the lease, and when something is to be known: says that we live, and learns which partitions
// are ours. Not while Kafka is away: another instance may reach it.
Task<void> KafkaReader::hold() {
  is_holding_ = true;
  while (!released_) {
    std::chrono::milliseconds pause = options_.lease / 3;
    try {
      if (consumer_ || applying_ > 0) co_await claim();
      lease_trouble_.end("leases of partitions are renewed again");
    } catch (const PgRefusal& refusal) {
      pause = std::min(pause, lease_trouble_.meet("cannot renew leases of partitions", refusal.what()));
    }
    if (!released_) co_await lease_bell_.wait(pause);
  }
  is_holding_ = false;
  let_go_.ring();
}

Task<void> KafkaReader::claim() {
  const uint64_t number = ++asks_;
  const Rows rows =
      co_await database_.hold(statements_.claim(options_.instance, claimable(), options_.lease));
  if (number < valid_from_) {
    lease_bell_.ring();
    co_return;
  }
  claimed_ = std::make_unique<std::vector<Claimed>>();
  for (int row = 0; row < rows.size(); row++) claimed_->emplace_back(rows, row);
  if (consumer_) consumer_->wake();
}

// Without those where somebody else may do better.
std::vector<KafkaName> KafkaReader::claimable() const {
  std::vector<KafkaName> names;
  for (const KafkaName& name : partitions_) {
    const auto place = places_.find(name);
    if (place == places_.end() || !target_.is_stuck(*place->second)) names.push_back(name);
  }
  return names;
}

// What Postgres said before now counts no more.
void KafkaReader::ask_anew() {
  valid_from_ = asks_ + 1;
  claimed_.reset();
  lease_bell_.ring();
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
    if (Clock::now() >= look_at_) co_await look_for_topics();
    if (claimed_) co_await adopt(std::move(*std::exchange(claimed_, nullptr)));
    co_await read();
    if (Clock::now() >= announce_at_) co_await announce();
  }
}

Task<void> KafkaReader::open() {
  auto options = options_.kafka;
  options.try_emplace("queued.max.messages.kbytes", prefetched_of_each(partitions_.size()));
  const auto environment = thread_.environment(loop_, log_);
  auto make = [options, group = options_.group, environment] {
    return std::make_shared<KafkaConsumer>(options, group, environment);
  };
  consumer_ = co_await thread_.run(std::move(make));
  co_await look_for_topics();
  ask_anew();
  trouble_.end("reading from Kafka");
}

// What is being applied goes on, and its partition with it.
Task<void> KafkaReader::close() {
  assigned_.clear();
  claimed_.reset();
  std::erase_if(places_, [](const auto& one) { return !one.second->is_with_target(); });
  auto end = [spent = std::move(consumer_)]() mutable { spent.reset(); };
  consumer_.reset();
  co_await thread_.run(std::move(end));
}

// Which partitions there are to read.
Task<void> KafkaReader::look_for_topics() {
  const auto wanted = co_await target_.topics();
  auto ask = [consumer = consumer_] { return consumer->topics(); };
  const auto known = co_await thread_.run(std::move(ask));
  std::vector<KafkaName> partitions;
  std::string absent;
  absent_count_ = 0;
  for (const std::string& topic : wanted) {
    const auto found = known.find(topic);
    if (found == known.end()) absent += (absent_count_++ == 0 ? "" : ", ") + topic;
    for (int i = 0; found != known.end() && i < found->second; i++) partitions.emplace_back(topic, i);
  }
  note_absent(absent);
  const bool is_news = partitions != partitions_;
  const bool is_too_much =
      partitions_.empty() && prefetched_of_each(partitions.size()) != prefetched_of_each(1);
  partitions_ = std::move(partitions);
  look_at_ = Clock::now() + options_.lease / 3;  // not before: the broker may answer late
  if (is_news) lease_bell_.ring();
  if (!is_too_much || draining_) co_return;
  co_await close();  // before anything was read: with room for so many
  co_await open();
}

void KafkaReader::note_absent(const std::string& absent) {
  if (absent != absent_ && !absent.empty())
    log_.warning("topics do not exist at the broker; looking again", {{"topics", absent}});
  absent_ = absent;
}

// One that we had and lost is begun anew when its last messages have ended.
Task<void> KafkaReader::adopt(std::vector<Claimed> claimed) {
  std::map<KafkaName, const Claimed*> ours;
  for (const Claimed& one : claimed) ours[one.name] = &one;
  for (const auto& [name, place] : places_) {
    const auto found = ours.find(name);
    if (found == ours.end() || found->second->epoch != place->epoch) lose(*place);
  }
  std::erase_if(places_, [](const auto& one) { return one.second->state == PlaceState::gone; });
  for (const Claimed& one : claimed) {
    std::string problem;
    try {
      co_await adopt_one(one);
    } catch (const KafkaGap& failure) {
      problem = failure.what();
    } catch (const std::exception& failure) {  // the others go on
      troubles_.Increment();
      trouble_of(one.name).meet("cannot begin a partition; trying again", failure.what());
    }
    if (!problem.empty()) co_await refuse(one.name, one.epoch, std::move(problem));
  }
  co_await assign();
}

// A partition that was never read has its beginning noted before its first message is.
Task<void> KafkaReader::adopt_one(const Claimed& one) {
  const auto known = places_.find(one.name);
  if (known != places_.end() && known->second->state != PlaceState::stale) co_return;
  const auto [next, made_at] = co_await beginning_of(one);
  if (!one.next) {
    std::vector<Query> note{statements_.move(one.name, one.epoch, {{}, next, {}}, {})};
    co_await database_.run(std::move(note));
  }
  if (known == places_.end())
    places_[one.name] = std::make_shared<KafkaPlace>(KafkaPlace{.name = one.name, .epoch = one.epoch});
  const Place place = places_.at(one.name);
  place->begin_at(next, made_at);
  place->take(PlaceNews::found);
}

Task<void> KafkaReader::refuse(KafkaName name, int64_t epoch, std::string problem) {
  troubles_.Increment();
  trouble_of(name).meet("a partition is not read on", problem);
  std::vector<Query> note{statements_.refuse(name, epoch, problem)};
  co_await database_.try_run(std::move(note));  // else at the next look
}

Task<KafkaReader::Beginning> KafkaReader::beginning_of(Claimed claimed) {
  auto look = [consumer = consumer_, source = statements_.source(), claimed] {
    return claimed.beginning(*consumer, source);
  };
  co_return co_await thread_.run(std::move(look));
}

void KafkaReader::lose(KafkaPlace& place) {
  place.take(PlaceNews::lost);
  if (place.is_with_target()) target_.stop(place);
}

// Kafka is told what changed: what it has read ahead for the others stays.
Task<void> KafkaReader::assign() {
  std::vector<KafkaPartition> ends, begins;
  Places ours;
  for (const auto& [name, place] : places_)
    if (place->is_ours()) ours.emplace(name, place);
  for (const auto& [name, place] : assigned_) {
    const auto still = ours.find(name);
    if (still == ours.end() || still->second != place || place->is_moved)
      ends.push_back({name.first, name.second});
  }
  for (const auto& [name, place] : ours) {
    const auto known = assigned_.find(name);
    const bool is_new = known == assigned_.end() || known->second != place;
    if (is_new || place->is_moved) begins.push_back({name.first, name.second, place->begins_at()});
    place->is_moved = false;
  }
  assigned_ = std::move(ours);
  if (ends.empty() && begins.empty()) co_return;
  auto tell = [consumer = consumer_, ends, begins] { consumer->reassign(ends, begins); };
  co_await thread_.run(std::move(tell));
}

// What has come for partitions that the target has done with. Messages of an earlier assignment may still
// come: those are left out.
Task<void> KafkaReader::read() {
  std::vector<KafkaPartition> idle;
  for (const auto& [name, place] : assigned_)
    if (place->state == PlaceState::ready) idle.push_back({name.first, name.second});
  auto fetch = [consumer = consumer_, idle, most = options_.most_messages] {
    return consumer->read(idle, most, read_time);
  };
  auto messages = co_await thread_.run(std::move(fetch));
  std::map<KafkaName, std::vector<KafkaMessage>> groups;
  for (KafkaMessage& message : messages)
    groups[{std::string(message.topic()), message.partition()}].push_back(std::move(message));
  for (const KafkaPartition& one : idle) {
    const Place place = assigned_.at({one.topic, one.partition});
    const auto group = groups.find(place->name);
    if (group == groups.end() && !place->quiet_since) place->quiet_since = Clock::now();
    if (group == groups.end() || place->state != PlaceState::ready) continue;
    co_await take(place, std::move(group->second));
    if (options_.one_by_one) co_await all_applied();
  }
  co_await assign();
}

// After a silence the topic may be another one of the same name: the message before is looked at again.
Task<void> KafkaReader::take(Place place, std::vector<KafkaMessage> messages) {
  const auto quiet_since = std::exchange(place->quiet_since, {});
  const bool was_quiet = quiet_since && Clock::now() - *quiet_since > quiet_time;
  if (was_quiet && place->is_proved && place->made_at) {
    place->begin_anew();
    co_return;
  }
  for (const KafkaMessage& one : messages) {
    if (place->look(one.offset(), one.made_at()) != PlaceProof::other) continue;
    const std::string why = "Kafka has another message before that: the topic was made anew";
    co_await refuse(place->name, place->epoch, gap(statements_.source(), place->name, place->next, why, 0));
    place->take(PlaceNews::taken);
    place->take(PlaceNews::failed);
    loop_.spawn("pause of a partition", rest(place, options_.longest_pause));
    co_return;
  }
  std::erase_if(messages, [&](const auto& one) { return one.offset() < place->read_to; });
  if (messages.empty()) co_return;
  place->take(PlaceNews::taken);
  place->read_to = messages.back().offset() + 1;
  applying_++;
  loop_.spawn("partition " + place->text(), apply(place, std::move(messages)));
}

Task<void> KafkaReader::apply(Place place, std::vector<KafkaMessage> messages) {
  std::optional<std::chrono::milliseconds> pause;
  try {
    co_await target_.apply(*place, std::move(messages));
    trouble_of(place->name).end("partition " + place->text() + " goes on");
  } catch (const std::exception& failure) {
    troubles_.Increment();
    pause = trouble_of(place->name).meet("cannot apply messages of Kafka; trying again", failure.what());
  }
  const bool is_whole = place->next == place->read_to;
  place->take(is_whole ? PlaceNews::applied : pause ? PlaceNews::failed : PlaceNews::left);
  if (place->state == PlaceState::resting) loop_.spawn("pause of a partition", rest(place, *pause));
  if (place->state == PlaceState::stale) ask_anew();
  if (place->state == PlaceState::gone) lease_bell_.ring();
  if (consumer_) consumer_->wake();
  applying_--;
  applied_.ring();
}

// Alone: the others go on.
Task<void> KafkaReader::rest(Place place, std::chrono::milliseconds pause) {
  co_await sleep_for(pause);
  place->take(PlaceNews::rested);
  if (place->state == PlaceState::stale) ask_anew();
}

Task<void> KafkaReader::all_applied() {
  while (applying_ > 0) co_await applied_.wait(1h);
}

// For people who watch the group's lag in Kafka. We never read it.
Task<void> KafkaReader::announce() {
  announce_at_ = Clock::now() + announce_every;
  std::vector<KafkaPartition> positions;
  for (const auto& [name, place] : assigned_) positions.push_back({name.first, name.second, place->next});
  auto tell = [consumer = consumer_, positions] { consumer->announce(positions); };
  co_await thread_.run(std::move(tell));
}

// Behind the last claim, which would take them again.
Task<void> KafkaReader::give_back() {
  if (!is_running_ || std::exchange(released_, true)) co_return;
  for (const auto& [name, place] : places_) lose(*place);
  lease_bell_.ring();
  while (is_holding_) co_await let_go_.wait(100ms);
  co_await database_.try_hold(statements_.release(options_.instance));  // else the lease ends by itself
}

Trouble& KafkaReader::trouble_of(const KafkaName& name) {
  return trouble_of_.try_emplace(name, log_, options_.longest_pause).first->second;
}

}  // namespace tenfold::sidecar
