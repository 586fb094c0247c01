#include "postgres/connection.hpp"

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

namespace tenfold::sidecar {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

// Postgres keeps answers back until it has 8 kB of them. It sends what it has after so many statements, so
// that a long transaction gives signs of life.
constexpr size_t statements_between_signs = 16;

// Before the DSN, which may say otherwise: a server that vanished is noticed while nothing is awaited (10 s
// and three times 5 s), and while something is sent to it.
constexpr std::array<const char*, 6> keywords{
    "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "dbname", nullptr};

PGconn* begin_to_connect(const std::string& dsn) {
  const std::array<const char*, 6> values{"10", "5", "3", "25000", dsn.c_str(), nullptr};
  return PQconnectStartParams(keywords.data(), values.data(), 1);
}

// OpenSSL may hold bytes that libpq has not asked for: the socket would not tell of them.
bool has_more_to_read(PGconn* connection) {
  auto* tls = static_cast<SSL*>(PQsslStruct(connection, "OpenSSL"));
  return tls != nullptr && SSL_pending(tls) > 0;
}

// libpq asks blockingly, on a connection of its own.
void ask_to_cancel(PGconn* connection) {
  PGcancel* cancel = PQgetCancel(connection);
  if (cancel == nullptr) return;
  std::thread([cancel] {
    std::array<char, 256> why{};
    PQcancel(cancel, why.data(), why.size());
    PQfreeCancel(cancel);
  }).detach();
}

constexpr std::string_view unknown_statement = "26000", known_before = "42P05";

// FNV-1a, 64 bits: a name that is the same in every process, so that a pooler may share what is prepared.
std::string name_of(std::string_view sql, std::string_view scope) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::string_view text : {sql, std::string_view("\0", 1), scope})
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  constexpr char digits[] = "0123456789abcdef";
  std::string name = "tenfold_";
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(hash >> shift) & 15U];
  return name;
}

std::string field_of(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? "" : text;
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void log_notice(void* log, const PGresult* result) {
  static_cast<const Log*>(log)->debug("notice from Postgres",
                                      {{"notice", field_of(result, PG_DIAG_MESSAGE_PRIMARY)}});
}

}  // namespace

Statement::Statement(std::string sql, Keep keep, std::string_view scope)
    : sql_(std::move(sql)), name_(keep == Keep::prepared ? name_of(sql_, scope) : "") {}

PgFailure PgFailure::from(const PGresult* result) {
  return {Kind::refused, field_of(result, PG_DIAG_SQLSTATE), field_of(result, PG_DIAG_MESSAGE_PRIMARY),
          field_of(result, PG_DIAG_MESSAGE_DETAIL), field_of(result, PG_DIAG_MESSAGE_HINT)};
}

std::string PgFailure::reason() const {
  switch (kind) {
    case Kind::refused:
      return sqlstate + ": " + message;
    case Kind::lost:
      return "the connection to Postgres broke";
    case Kind::unavailable:
      return "no connection to Postgres";
    case Kind::unready:
      return "no session under the workers' role: " + sqlstate + ": " + message;
    default:
      return "too many wait for Postgres";
  }
}

bool PgFailure::is_passing() const {
  if (kind != Kind::refused) return true;
  const std::string_view state = sqlstate;
  return state.starts_with("57") || state.starts_with("40") || state.starts_with("53") ||
         state.starts_with("55") || state == unknown_statement;
}

Connection::Connection(asio::any_io_executor executor, const Log& log)
    : executor_(std::move(executor)), log_(log), socket_(executor_) {}

Connection::~Connection() {
  // Each that waits holds its connection: only the end of the loop comes here, where nobody can be woken.
  waiting_.clear();
  close();
  if (connection_ != nullptr) PQfinish(connection_);
}

Task<void> Connection::connect(std::string dsn, std::chrono::milliseconds timeout) {
  connection_ = begin_to_connect(dsn);
  asio::steady_timer timer(executor_, timeout);
  PostgresPollingStatusType step = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD && step != PGRES_POLLING_OK &&
         step != PGRES_POLLING_FAILED) {
    // The socket may be another one after each step: libpq tries one address after the other.
    socket_.assign(PQsocket(connection_));
    const auto ready = step == PGRES_POLLING_READING ? asio::posix::descriptor_base::wait_read
                                                     : asio::posix::descriptor_base::wait_write;
    const auto first = co_await (socket_.async_wait(ready, as_tuple) || timer.async_wait(as_tuple));
    socket_.release();
    if (first.index() == 1)
      throw ConnectFailure("no answer within " + std::to_string(timeout.count()) + " ms");
    step = PQconnectPoll(connection_);
  }
  if (PQstatus(connection_) != CONNECTION_OK) throw ConnectFailure(trimmed(PQerrorMessage(connection_)));
  PQsetNoticeReceiver(connection_, log_notice, const_cast<Log*>(&log_));
  PQsetnonblocking(connection_, 1);
  PQenterPipelineMode(connection_);
  socket_.assign(PQsocket(connection_));
  open_ = true;
}

Task<void> Connection::read_answers() {
  while (open_) {
    const auto [failure] = co_await socket_.async_wait(asio::posix::descriptor_base::wait_read, as_tuple);
    if (failure || !open_) break;
    bool readable = true;
    do {
      readable = PQconsumeInput(connection_) == 1;
      read_results();  // what arrived before the end may still answer somebody
      // A function may have told this session to LISTEN: nobody wants to hear, and libpq keeps what nobody
      // takes.
      while (PGnotify* heard = PQnotifies(connection_)) PQfreemem(heard);
    } while (readable && open_ && has_more_to_read(connection_));
    if (!readable || PQstatus(connection_) == CONNECTION_BAD) break;
  }
  if (open_) log_.warning("connection to Postgres lost", {{"error", trimmed(PQerrorMessage(connection_))}});
  close();
}

Task<Reply> Connection::run(std::span<const Query> queries) {
  auto channel = std::make_shared<Channel>(executor_, 1);
  if (!open_) co_return Reply{{}, PgFailure{PgFailure::Kind::unavailable}};
  if (!send(queries)) {
    close();
    co_return Reply{{}, PgFailure{PgFailure::Kind::lost}};
  }
  Waiting waiting{channel, ""};
  for (const Query& query : queries) waiting.names.push_back(query.statement->name());
  add_waiting(std::move(waiting));
  if (PQflush(connection_) == 1 && !flushing_) asio::co_spawn(executor_, flush(), asio::detached);
  auto [failure, reply] = co_await channel->async_receive(as_tuple);
  if (failure) co_return Reply{{}, PgFailure{PgFailure::Kind::lost}};
  co_return std::move(reply);
}

bool Connection::send(std::span<const Query> queries) {
  for (const Query& query : queries) {
    const Statement& statement = *query.statement;
    const bool absent = !statement.name().empty() && !prepared_.contains(statement.name());
    if (absent && !send_preparation(statement)) return false;
  }
  for (size_t i = 0; i < queries.size(); i++) {
    if (!send_query(queries[i])) return false;
    const bool is_sign = (i + 1) % statements_between_signs == 0;
    if (is_sign && PQsendFlushRequest(connection_) != 1) return false;
  }
  return PQpipelineSync(connection_) == 1;
}

// In a transaction of its own: an error of the transaction that needs it must not undo the preparation, on
// which transactions behind it rely already.
bool Connection::send_preparation(const Statement& statement) {
  if (PQsendPrepare(connection_, statement.name().c_str(), statement.sql().c_str(), 0, nullptr) != 1 ||
      PQpipelineSync(connection_) != 1)
    return false;
  prepared_.insert(statement.name());
  add_waiting({nullptr, statement.name()});
  return true;
}

void Connection::add_waiting(Waiting waiting) {
  if (waiting_.empty()) front_since_ = heard_at_ = Clock::now();
  waiting_.push_back(std::move(waiting));
}

bool Connection::send_query(const Query& query) {
  const auto count = query.arguments.size();
  std::vector<const char*> values(count);
  std::vector<int> lengths(count), formats(count);
  for (size_t i = 0; i < count; i++) {
    const Argument& argument = query.arguments[i];
    if (!argument.value) continue;
    values[i] = argument.value->c_str();
    lengths[i] = static_cast<int>(argument.value->size());
    formats[i] = argument.is_binary ? 1 : 0;
  }
  const Statement& statement = *query.statement;
  const int sent = statement.name().empty()
                       ? PQsendQueryParams(connection_, statement.sql().c_str(), static_cast<int>(count),
                                           nullptr, values.data(), lengths.data(), formats.data(), 0)
                       : PQsendQueryPrepared(connection_, statement.name().c_str(), static_cast<int>(count),
                                             values.data(), lengths.data(), formats.data(), 0);
  return sent == 1;
}

// Only where the socket's buffer was full; one at a time.
Task<void> Connection::flush() {
  const auto self = shared_from_this();
  flushing_ = true;
  while (open_ && PQflush(connection_) == 1) {
    const auto [failure] = co_await socket_.async_wait(asio::posix::descriptor_base::wait_write, as_tuple);
    if (failure) break;
  }
  flushing_ = false;
}

void Connection::read_results() {
  while (!waiting_.empty() && PQisBusy(connection_) == 0) {
    // libpq separates the statements' results by null pointers; a lost connection gives only these.
    PGresult* result = PQgetResult(connection_);
    if (result != nullptr)
      take_result(result);
    else if (PQstatus(connection_) == CONNECTION_BAD)
      return;
  }
}

void Connection::take_result(PGresult* result) {
  Rows rows(result);
  Waiting& front = waiting_.front();
  heard_at_ = Clock::now();
  switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
      finish_front();
      break;
    case PGRES_PIPELINE_ABORTED:
      break;  // a statement behind the one that failed
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      front.reply.rows.push_back(std::move(rows));
      break;
    default:
      if (!front.reply.failure) front.reply.failure = PgFailure::from(result);
  }
}

void Connection::finish_front() {
  Waiting done = std::move(waiting_.front());
  waiting_.pop_front();
  front_since_ = heard_at_;
  if (!done.channel) return finish_preparation(done);
  if (done.reply.failure && done.reply.failure->sqlstate == unknown_statement)
    explain_absence(done, *done.reply.failure);
  done.channel->try_send(boost::system::error_code{}, std::move(done.reply));
}

void Connection::finish_preparation(const Waiting& done) {
  const auto& failure = done.reply.failure;
  if (!failure || failure->sqlstate == known_before) {
    unpreparable_.erase(done.prepares);
    return;
  }
  prepared_.erase(done.prepares);
  if (unpreparable_.insert_or_assign(done.prepares, *failure).second)
    log_.warning("a statement could not be prepared",
                 {{"sqlstate", failure->sqlstate}, {"error", failure->message}});
}

// Its preparation just failed: that is the reason to tell. Else somebody (a pooler, say) discarded
// statements, and the next call that needs one prepares it anew.
void Connection::explain_absence(const Waiting& done, PgFailure& failure) {
  const size_t number = done.reply.rows.size();
  const auto found =
      number < done.names.size() ? unpreparable_.find(done.names[number]) : unpreparable_.end();
  if (found == unpreparable_.end())
    prepared_.clear();
  else
    failure = found->second;
}

void Connection::give_up() {
  if (open_) ask_to_cancel(connection_);
  close();
}

void Connection::close() {
  open_ = false;
  if (socket_.is_open()) {
    socket_.cancel();
    socket_.release();  // PQfinish closes it
  }
  auto lost = std::move(waiting_);
  waiting_.clear();
  for (Waiting& one : lost)
    if (one.channel)
      one.channel->try_send(boost::system::error_code{}, Reply{{}, PgFailure{PgFailure::Kind::lost}});
}

Connection::Clock::duration Connection::front_time() const {
  return waiting_.empty() ? Clock::duration{} : Clock::now() - front_since_;
}

Connection::Clock::duration Connection::silence() const {
  return waiting_.empty() ? Clock::duration{} : Clock::now() - heard_at_;
}

}  // namespace tenfold::sidecar
