#include "workers/relay/worker.hpp"

#include "base/trouble.hpp"
#include "postgres/values.hpp"
#include "workers/relay/session.hpp"

namespace tenfold::relay {
namespace {

using namespace std::chrono_literals;
using sidecar::number;
using sidecar::Query;
using sidecar::Rows;
using sidecar::Services;
using sidecar::SettingRow;
using sidecar::Statement;
using sidecar::Task;
using sidecar::WorkerDatabase;
using Clock = std::chrono::steady_clock;

constexpr auto careful_time = 1min;
constexpr size_t too_large = 32 * 1024 * 1024;  // of a batch in memory
constexpr auto refresh_every = 24h;  // brokers forget offsets that nobody commits: after 7 days by default
constexpr std::chrono::milliseconds look_for_retries_every = 1s, look_at_refusal_every = 1s;

std::vector<SettingRow> settings() {
  using Kind = sidecar::SettingKind;
  return {
      {"relay.name", Kind::text, "main",
       "its consumer is kafka:NAME; names the group and the marker in Kafka"},
      {"relay.topics", Kind::text, "*", "topics to relay, with commas between; * is all"},
      {"relay.start",
       Kind::choice,
       "beginning",
       "where a new relay begins in the log",
       0,
       INT64_MAX,
       {"beginning", "end"}},
      {"relay.batch", Kind::number, "10000", "events of one Kafka transaction, unless one tick has more", 1,
       1'000'000},
      {"relay.poll", Kind::duration, "20ms", "between two looks for ticks that another daemon made", 1,
       60'000},
      {"relay.create_topics", Kind::flag, "on",
       "make topics that Kafka lacks, with the partitions of tenfold.topic"},
      {"relay.transaction_timeout", Kind::duration, "60s", "of Kafka: a restart of the broker takes less",
       1000, 900'000},
      {"relay.retry_most", Kind::duration, "5s", "between two tries while Kafka is away", 50, 3'600'000},
  };
}

// Kafka and the database do not tell one story: an operator must say whom to believe.
struct Refusal : std::runtime_error {
  explicit Refusal(const Decision& decision) : std::runtime_error(decision.reason), hint(decision.hint) {}

  std::string hint;
};

std::string topics_literal(std::string text) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return sidecar::text_array(names);
}

struct Statements {
  Statement create, acquire, release, topics, state, note, next, events, finish, fail, retries,
      finish_retries;

  explicit Statements(const WorkerDatabase& database)
      : create(
            database.statement("SELECT tenfold.create_consumer($1, $2, $3) "
                               "WHERE NOT EXISTS (SELECT FROM tenfold.outbox_lag l WHERE l.consumer = $1)")),
        acquire(database.statement("SELECT epoch FROM tenfold.acquire_consumers($1, ARRAY[$2], $3)")),
        release(database.statement("SELECT tenfold.release_consumers($1)")),
        topics(database.statement("SELECT name, partitions FROM tenfold.topic WHERE '*' = ANY ($1::text[]) "
                                  "OR name = ANY ($1::text[])")),
        state(database.statement(
            "SELECT identity, position, newest, has_relayed, fingerprint, trust, retry, retry_pending "
            "FROM tenfold.relay_state($1, $2)")),
        note(database.statement("SELECT tenfold.note_relay($1, $2, $3, $4)")),
        next(database.statement(
            "SELECT to_tick, fingerprint FROM tenfold.next_relay_batch($1, $2, $3, $4, $5)")),
        events(database.statement("SELECT event_id, topic, key, payload, headers, "
                                  "(date_part('epoch', published_at) * 1000)::bigint "
                                  "FROM tenfold.batch_events($1, $2, $3)")),
        finish(database.statement("SELECT tenfold.finish_relay_batch($1, $2, $3, $4, $5)")),
        fail(database.statement("SELECT tenfold.fail_event($1, $2, $3, $4, false)")),
        retries(database.statement("SELECT event_id, topic, key, payload, headers, published_ms, retry "
                                   "FROM tenfold.begin_relay_retries($1, $2, $3)")),
        finish_retries(database.statement("SELECT tenfold.finish_relay_retries($1, $2)")) {}
};

Trust trust_of(std::string_view text) {
  return text == "database" ? Trust::database : text == "kafka" ? Trust::kafka : Trust::nobody;
}

class Relay : public sidecar::RunningWorker {
 public:
  explicit Relay(const Services& services);

  Task<void> load() override;
  bool reads_log() override { return true; }
  void on_tick() override { bell_.ring(); }
  void drain() override {
    draining_ = true;
    thread_.hurry();
    bell_.ring();
  }
  bool is_busy() const override { return running_; }
  Task<void> give_back() override;

 private:
  // Events on their way to Kafka, and the marker that goes with them.
  struct Batch {
    std::shared_ptr<const Rows> events;
    Marker marker;
  };

  Task<void> run();
  Task<void> lead();
  Task<void> beat();
  Task<bool> acquire();
  Task<bool> was_told();
  Task<void> open();
  Task<void> close();
  Task<std::map<std::string, int>> topics();
  Task<void> decide_where();
  Task<void> finish_pending(const Rows& state);
  Task<bool> relay_batch();
  Task<bool> relay_retries();
  Task<std::optional<Batch>> read_batch(int64_t position, int64_t from_tick);
  sidecar::Future<Sent> begin_to_send(const Batch& batch);
  void note_size(size_t bytes);
  Task<void> note_sent(const Batch& batch, const Sent& sent);
  Task<void> bury(Refused refused);
  Task<void> add_new_topics(const Rows& events);
  Task<void> write(Marker marker);
  Task<void> refuse(const Refusal& refusal);
  void check_lease() const;
  std::string epoch() const { return std::to_string(epoch_); }
  SessionOptions session_options() const;

  Services services_;
  WorkerDatabase& database_;
  Statements statements_;
  const std::string consumer_, instance_, topics_;
  const std::chrono::milliseconds lease_;
  sidecar::Trouble trouble_;
  sidecar::KafkaThread thread_;
  sidecar::Bell bell_;
  std::shared_ptr<Session> session_;
  Marker marker_;               // what Kafka has
  std::optional<Batch> ahead_;  // read while Kafka took the one before
  Clock::time_point marked_at_{}, retries_at_{}, careful_until_{};
  int64_t epoch_ = 0;  // of the lease; 0: we have none
  Clock::time_point lease_ends_{};
  size_t most_now_ = services_.settings.size("relay.batch");
  bool exists_ = false, running_ = false, draining_ = false, released_ = false, refuses_ = false,
       leads_ = false;
  prometheus::Counter &events_, &transactions_, &dead_, &troubles_;
  prometheus::Histogram& seconds_;
};

Relay::Relay(const Services& services)
    : services_(services),
      database_(services.worker_database),
      statements_(database_),
      consumer_("kafka:" + services.settings.text("relay.name")),
      instance_(sidecar::instance_name() + ":relay"),
      topics_(topics_literal(services.settings.text("relay.topics"))),
      lease_(services.settings.duration("events.lease")),
      trouble_(services.log, services.settings.duration("relay.retry_most")),
      bell_(services.loop.io()),
      events_(services.metrics.counter("tenfold_relay_events_total", "events that Kafka has")),
      transactions_(services.metrics.counter("tenfold_relay_transactions_total",
                                             "transactions of Kafka that were committed")),
      dead_(services.metrics.counter("tenfold_relay_dead_total", "events that Kafka would not take")),
      troubles_(services.metrics.counter("tenfold_relay_troubles_total", "times that it had to begin anew")),
      seconds_(services.metrics.histogram("tenfold_relay_transaction_seconds",
                                          "time of one transaction of Kafka")) {
  if (services.settings.text("kafka.bootstrap").empty())
    throw std::runtime_error("worker relay needs kafka.bootstrap: HOST:PORT of the brokers");
  services.metrics.gauge("tenfold_relay_leads", "1: this process relays now",
                         [this] { return leads_ ? 1.0 : 0.0; });
  services.metrics.gauge("tenfold_relay_refuses",
                         "1: Kafka and the database do not tell one story; see tenfold.relay_status",
                         [this] { return refuses_ ? 1.0 : 0.0; });
}

SessionOptions Relay::session_options() const {
  const auto& settings = services_.settings;
  return {settings.text("relay.name"), sidecar::kafka_options(settings), settings.flag("relay.create_topics"),
          settings.duration("relay.transaction_timeout"), Clock::now() < careful_until_};
}

Task<void> Relay::load() {
  co_await database_.wait_until_up();
  if (running_) co_return;
  running_ = true;
  services_.loop.keep("relay", [this] { return run(); });
  services_.loop.keep("lease of the relay", [this] { return beat(); });
}

Task<void> Relay::run() {
  while (!draining_) {
    std::chrono::milliseconds pause{};
    std::optional<Refusal> refusal;
    try {
      co_await lead();
    } catch (const Refusal& found) {
      refusal = found;
    } catch (const std::exception& failure) {
      troubles_.Increment();
      pause = trouble_.meet("cannot relay; trying again", failure.what());
    }
    leads_ = false;
    if (refusal) co_await refuse(*refusal);
    co_await close();
    if (!draining_) co_await sidecar::sleep_for(pause);
  }
  co_await give_back();
  running_ = false;
}

// Nobody takes the lease again behind this: check_lease() ends what is still sent.
Task<void> Relay::give_back() {
  if (std::exchange(released_, true)) co_return;
  epoch_ = 0;
  co_await database_.try_hold(
      WorkerDatabase::query(statements_.release, instance_));  // else it ends by itself
}

// From one session with Kafka to the first trouble. A relay that refuses begins none until an operator has
// spoken: each would fence the one that is right.
Task<void> Relay::lead() {
  if (!exists_)
    co_await database_.ask(statements_.create, consumer_, topics_, services_.settings.text("relay.start"));
  exists_ = true;
  if (!co_await acquire()) {
    co_await sidecar::sleep_for(std::min<std::chrono::milliseconds>(lease_ / 3, 1s));
    co_return;
  }
  if (refuses_ && !co_await was_told()) {
    co_await sidecar::sleep_for(look_at_refusal_every);
    co_return;
  }
  co_await open();
  leads_ = true;
  while (!draining_) {
    check_lease();
    bool has_worked = co_await relay_batch();
    if (Clock::now() >= retries_at_) has_worked |= co_await relay_retries();
    if (Clock::now() - marked_at_ > refresh_every) co_await write(marker_);
    if (!has_worked) co_await bell_.wait(services_.settings.duration("relay.poll"));
  }
}

Task<bool> Relay::was_told() {
  const Rows state = co_await database_.ask(statements_.state, consumer_, std::string("0"));
  co_return !state.text(0, 5).empty();
}

// Who could not renew the lease in time must not go on: another may have it.
void Relay::check_lease() const {
  if (epoch_ == 0 || Clock::now() > lease_ends_)
    throw std::runtime_error("the lease of " + consumer_ + " is over");
}

Task<bool> Relay::acquire() {
  const auto asked_at = Clock::now();
  const Rows rows = co_await database_.hold(WorkerDatabase::query(statements_.acquire, instance_, consumer_,
                                                                  std::to_string(lease_.count()) + " ms"));
  epoch_ = released_ || rows.size() == 0 ? 0 : number<int64_t>(rows.text(0, 0));
  lease_ends_ = asked_at + lease_;
  co_return epoch_ != 0;
}

Task<void> Relay::beat() {
  while (!released_) {
    co_await sidecar::sleep_for(lease_ / 3);
    if (epoch_ == 0 || released_) continue;
    try {
      const int64_t before = epoch_;
      co_await acquire();
      if (epoch_ != before) epoch_ = 0;  // of another session
    } catch (const sidecar::PgRefusal&) {
      // the next beat comes before the lease ends
    }
  }
}

Task<void> Relay::open() {
  const auto known = co_await topics();
  auto begin = [options = session_options(), known,
                around = thread_.environment(services_.loop, services_.log)] {
    return std::make_shared<Session>(options, known, around);
  };
  session_ = co_await thread_.run(std::move(begin));
  co_await decide_where();
  retries_at_ = {};
  trouble_.end("relaying");
}

// A producer is destroyed where its calls were made: that waits, too.
Task<void> Relay::close() {
  auto end = [spent = std::move(session_)]() mutable { spent.reset(); };
  session_.reset();
  ahead_.reset();
  co_await thread_.run(std::move(end));
}

Task<std::map<std::string, int>> Relay::topics() {
  const Rows rows = co_await database_.ask(statements_.topics, topics_);
  std::map<std::string, int> topics;
  for (int row = 0; row < rows.size(); row++)
    topics[std::string(rows.text(row, 0))] = number<int>(rows.text(row, 1));
  co_return topics;
}

Task<void> Relay::decide_where() {
  auto ask = [session = session_] { return session->marker(); };
  const auto marker = co_await thread_.run(std::move(ask));
  const Rows state =
      co_await database_.ask(statements_.state, consumer_, std::to_string(marker ? marker->tick : 0));
  const DatabaseState known{std::string(state.text(0, 0)),     number<int64_t>(state.text(0, 1)),
                            number<int64_t>(state.text(0, 2)), state.text(0, 3) == "t",
                            std::string(state.text(0, 4)),     trust_of(state.text(0, 5)),
                            number<int64_t>(state.text(0, 6))};
  const Decision decision = decide(marker, known);
  if (decision.kind == Decision::Kind::refuse) throw Refusal(decision);
  if (!decision.reason.empty())
    services_.log.info("relay", {{"consumer", consumer_}, {"found", decision.reason}});
  if (decision.kind == Decision::Kind::rewrite)
    co_await write(decision.marker);
  else
    marker_ = decision.marker;
  marked_at_ = Clock::now();
  refuses_ = false;
  std::vector<Query> note{WorkerDatabase::query(statements_.note, consumer_)};
  note.front().arguments.resize(3);  // NULL: no problem
  note.front().arguments.emplace_back(std::to_string(marker_.retry));
  co_await database_.run(std::move(note));
  co_await finish_pending(state);
}

// What the last session sent, and did not live to finish: Kafka's marker tells.
Task<void> Relay::finish_pending(const Rows& state) {
  const std::string position(state.text(0, 1));
  if (marker_.tick > number<int64_t>(position))
    co_await database_.ask(statements_.finish, consumer_, epoch(), position, std::to_string(marker_.tick),
                           marker_.fingerprint);
  if (state.text(0, 7) == "t" && marker_.retry >= number<int64_t>(state.text(0, 6)))
    co_await database_.ask(statements_.finish_retries, consumer_, epoch());
}

Task<void> Relay::refuse(const Refusal& refusal) {
  services_.log.error("the relay refuses to go on",
                      {{"consumer", consumer_}, {"reason", refusal.what()}, {"hint", refusal.hint}});
  try {
    co_await database_.ask(statements_.note, consumer_, std::string(refusal.what()), refusal.hint,
                           std::string("0"));
    refuses_ = true;
  } catch (const sidecar::PgRefusal&) {
    // it is found again
  }
}

// The session's thread may outlive this coroutine: it shares what it reads.
sidecar::Future<Sent> Relay::begin_to_send(const Batch& batch) {
  auto work = [session = session_, batch] { return session->send(*batch.events, batch.marker); };
  return {services_.loop.io(), thread_.run(std::move(work))};
}

// One batch of the log is one transaction of Kafka. Meanwhile the next one is read.
Task<bool> Relay::relay_batch() {
  if (!ahead_) ahead_ = co_await read_batch(marker_.tick, marker_.tick);
  if (!ahead_) co_return false;
  Batch batch = *std::exchange(ahead_, std::nullopt);
  batch.marker.retry = marker_.retry;  // retries may have been sent since it was read
  const std::string from = std::to_string(marker_.tick), to = std::to_string(batch.marker.tick);
  co_await add_new_topics(*batch.events);
  auto sending = begin_to_send(batch);
  note_size(batch.events->bytes());
  if (batch.events->bytes() < too_large) ahead_ = co_await read_batch(marker_.tick, batch.marker.tick);
  const Sent sent = co_await sending.get();
  co_await note_sent(batch, sent);
  co_await database_.ask(statements_.finish, consumer_, epoch(), from, to, marker_.fingerprint);
  co_return true;
}

// A server that took over may have another position: then it raises.
Task<std::optional<Relay::Batch>> Relay::read_batch(int64_t position, int64_t from_tick) {
  const std::string from = std::to_string(from_tick);
  const Rows next = co_await database_.ask(statements_.next, consumer_, epoch(), std::to_string(position),
                                           from, std::to_string(most_now_));
  if (next.size() == 0) co_return std::nullopt;
  const std::string to(next.text(0, 0));
  Rows rows = co_await database_.ask(statements_.events, consumer_, from, to);
  co_return Batch{std::make_shared<const Rows>(std::move(rows)),
                  {number<int64_t>(to), marker_.database, std::string(next.text(0, 1)), marker_.retry}};
}

// Batches are counted in events: of large ones fewer, and none is read ahead.
void Relay::note_size(size_t bytes) {
  const auto most = services_.settings.size("relay.batch");
  if (bytes > too_large) most_now_ = std::max<size_t>(1, most_now_ / 2);
  if (bytes < too_large / 4) most_now_ = std::min(most, most_now_ * 2);
}

Task<void> Relay::note_sent(const Batch& batch, const Sent& sent) {
  if (!sent.refused.empty() && !sent.is_sure) {
    careful_until_ = Clock::now() + careful_time;
    throw std::runtime_error(
        "the broker refused a batch as too large; sending one by one (is its max.message.bytes below "
        "the 1000000 of kafka.options batch.size?)");
  }
  if (!sent.refused.empty()) co_await bury(sent.refused);
  marker_ = batch.marker;
  marked_at_ = Clock::now();
  events_.Increment(batch.events->size());
  transactions_.Increment();
  seconds_.Observe(sent.time.count());
}

// At once, and not with the batch: Kafka may have that before the database knows. The log then leaves them
// out.
Task<void> Relay::bury(Refused refused) {
  for (const auto& [id, why] : refused) {
    co_await database_.ask(statements_.fail, consumer_, epoch(), std::to_string(id), why);
    dead_.Increment();
    services_.log.error("Kafka will never take an event: it is a dead letter now",
                        {{"consumer", consumer_}, {"event_id", std::to_string(id)}, {"reason", why}});
  }
  throw std::runtime_error("Kafka refused events of a batch, which is sent again without them");
}

// Events may be of topics that are newer than the session.
Task<void> Relay::add_new_topics(const Rows& events) {
  bool is_known = true;
  std::string_view last;
  for (int row = 0; row < events.size() && is_known; row++) {
    if (events.text(row, 1) != last) is_known = session_->knows(std::string(events.text(row, 1)));
    last = events.text(row, 1);
  }
  if (is_known) co_return;
  const auto all = co_await topics();
  auto add = [session = session_, all] { session->add_topics(all); };
  co_await thread_.run(std::move(add));
}

Task<void> Relay::write(Marker marker) {
  auto work = [session = session_, marker] { session->write(marker); };
  co_await thread_.run(std::move(work));
  marker_ = marker;
  marked_at_ = Clock::now();
}

// Events that an operator sent on their way again. They belong to no tick: a number in the marker tells
// whether Kafka has them.
Task<bool> Relay::relay_retries() {
  Rows rows = co_await database_.ask(statements_.retries, consumer_, epoch(), std::to_string(marker_.retry));
  if (rows.size() == 0) {
    retries_at_ = Clock::now() + look_for_retries_every;
    co_return false;
  }
  Batch batch{std::make_shared<const Rows>(std::move(rows)), marker_};
  batch.marker.retry = number<int64_t>(batch.events->text(0, 6));
  co_await add_new_topics(*batch.events);
  auto sending = begin_to_send(batch);
  const Sent sent = co_await sending.get();
  co_await note_sent(batch, sent);
  co_await database_.ask(statements_.finish_retries, consumer_, epoch());
  co_return true;
}

}  // namespace

sidecar::Worker worker() {
  return {"relay", "sends the events of the log to Kafka, exactly once", settings(),
          [](Services services) { return std::make_unique<Relay>(services); }};
}

}  // namespace tenfold::relay
