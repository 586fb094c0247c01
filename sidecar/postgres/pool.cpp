#include "postgres/pool.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

// A restart of Postgres should be noticed within half a second of its end.
constexpr std::chrono::milliseconds first_backoff = 20ms, longest_backoff = 400ms;

// Of a transaction: longer than nearly all take with a few others before them.
constexpr std::chrono::milliseconds long_wait = 10ms;

}  // namespace

Pool::Pool(Loop& loop, const Log& log, PoolOptions options)
    : loop_(loop), log_(log), options_(std::move(options)), slots_(options_.connections) {}

void Pool::start() {
  for (Slot& slot : slots_)
    loop_.keep("connection to Postgres", [this, &slot] { return keep_connected(slot); });
  loop_.keep("deadline of Postgres", [this] { return watch_answers(); });
}

Task<void> Pool::keep_connected(Slot& slot) {
  for (int failures = 0; !stopped_;) {
    const bool connected = co_await connect_once(slot);
    slot.renewing = false;
    if (!connected) {
      refuse_all_if_down();
      co_await sleep_for(backoff(++failures));
      continue;
    }
    failures = 0;
    up_++;
    last_error_.clear();
    give_places();
    co_await slot.connection->read_answers();
    up_--;
    refuse_all_if_down();
  }
}

bool Pool::is_up() const {
  return std::ranges::any_of(slots_, [](const Slot& slot) {
    return slot.renewing || (slot.connection && slot.connection->is_open());
  });
}

// Callers that wait for a turn must learn that none will come.
void Pool::refuse_all_if_down() {
  while (!is_up() && !queue_.empty()) refuse_front();
}

Task<bool> Pool::connect_once(Slot& slot) {
  slot.connection = std::make_shared<Connection>(loop_.io().get_executor(), log_);
  try {
    co_await slot.connection->connect(options_.dsn, options_.connect_timeout);
    co_return true;
  } catch (const ConnectFailure& failure) {
    // Once for each new reason, not once for each try of each connection.
    if (last_error_ != failure.what())
      log_.warning("cannot connect to Postgres", {{"error", failure.what()}});
    last_error_ = failure.what();
    co_return false;
  }
}

// Doubles from try to try, and takes a random part of it: so that not all come back at the same moment.
std::chrono::milliseconds Pool::backoff(int failures) {
  const auto whole = std::min(longest_backoff, first_backoff * (1 << std::min(failures, 10)));
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int64_t>(whole.count() / 2, whole.count())(random_));
}

Task<Reply> Pool::run(std::vector<Query> queries) {
  if (!is_up()) co_return Reply{{}, PgFailure{PgFailure::Kind::unavailable}};
  Slot* slot = queue_.empty() ? least_busy() : nullptr;
  if (slot == nullptr && queue_.size() >= options_.queue)
    co_return Reply{{}, PgFailure{PgFailure::Kind::full}};
  if (slot == nullptr) slot = co_await place();
  if (slot == nullptr)
    co_return Reply{{}, PgFailure{is_up() ? PgFailure::Kind::full : PgFailure::Kind::unavailable}};
  auto connection = slot->connection;
  Reply reply = co_await connection->run(queries);
  close_if_renewing(*slot);
  give_places();
  co_return reply;
}

// A place that was promised is kept, unless its connection broke meanwhile: then the next one, at the head.
Task<Pool::Slot*> Pool::place() {
  const auto turn = std::make_shared<Turn>(loop_.io().get_executor(), 1);
  const auto since = Connection::Clock::now();
  queue_.push_back({turn, since});
  while (true) {
    const auto [failure, slot] = co_await turn->async_receive(as_tuple);
    if (failure || slot == nullptr) co_return nullptr;
    slot->promised--;
    if (slot->connection->is_open()) co_return slot;
    if (!is_up()) co_return nullptr;
    queue_.push_front({turn, since});
    give_places();
  }
}

// The open connection with the fewest transactions under way; none where all have their fill. What runs long
// holds up only those that were behind it before that showed.
Pool::Slot* Pool::least_busy() {
  Slot* best = nullptr;
  size_t fewest = options_.depth;
  for (Slot& slot : slots_) {
    if (!slot.connection || !slot.connection->is_open() || slot.renewing) continue;
    if (slot.connection->front_time() > long_wait) continue;
    const size_t taken = slot.connection->in_flight() + slot.promised;
    if (taken >= fewest) continue;
    fewest = taken;
    best = &slot;
  }
  return best;
}

// As many as there are: an answer that took long may have made several.
void Pool::give_places() {
  while (!queue_.empty()) {
    Slot* slot = least_busy();
    if (slot == nullptr) return;
    slot->promised++;
    queue_.front().turn->try_send(boost::system::error_code{}, slot);
    queue_.pop_front();
  }
}

void Pool::refuse_front() {
  queue_.front().turn->try_send(boost::system::error_code{}, nullptr);
  queue_.pop_front();
}

void Pool::renew() {
  for (Slot& slot : slots_) {
    slot.renewing = slot.connection && slot.connection->is_open();
    close_if_renewing(slot);
  }
}

void Pool::close_if_renewing(Slot& slot) {
  if (slot.renewing && slot.connection->in_flight() == 0) slot.connection->close();
}

void Pool::stop() {
  stopped_ = true;
  while (!queue_.empty()) refuse_front();
  for (Slot& slot : slots_)
    if (slot.connection) slot.connection->close();
}

size_t Pool::in_flight() const {
  size_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.connection ? slot.connection->in_flight() : 0;
  return sum;
}

Task<void> Pool::wait_until_up() {
  while (!is_up() && !draining_ && !stopped_) co_await sleep_for(20ms);
}

// Postgres ends a slow statement by statement_timeout. Who does not even answer that is unreachable.
Task<void> Pool::watch_answers() {
  while (!stopped_) {
    co_await sleep_for(std::min<std::chrono::milliseconds>(500ms, options_.answer_timeout / 4));
    for (const Slot& slot : slots_) {
      if (!slot.connection || slot.connection->silence() < options_.answer_timeout) continue;
      log_.error("Postgres did not answer in time; the connection is given up");
      slot.connection->give_up();
    }
    give_places();
    const auto oldest = Connection::Clock::now() - options_.queue_timeout;
    while (!queue_.empty() && queue_.front().since < oldest) refuse_front();
  }
}

}  // namespace tenfold::sidecar
