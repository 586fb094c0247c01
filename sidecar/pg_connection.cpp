#include "sidecar/pg_connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tenfold::sidecar {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

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
    default:
      return "too many wait for Postgres";
  }
}

bool PgFailure::is_passing() const {
  if (kind != Kind::refused) return true;
  const std::string_view state = sqlstate;
  return state.starts_with("57") || state.starts_with("40") || state.starts_with("53") ||
         state.starts_with("55");
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
  connection_ = PQconnectStart(dsn.c_str());
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
    const bool readable = PQconsumeInput(connection_) == 1;
    read_results();  // what arrived before the end may still answer somebody
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
  waiting_.push_back({channel, "", std::chrono::steady_clock::now()});
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
  for (const Query& query : queries)
    if (!send_query(query)) return false;
  return PQpipelineSync(connection_) == 1;
}

// In a transaction of its own: an error of the transaction that needs it must not undo the preparation, on
// which transactions behind it rely already.
bool Connection::send_preparation(const Statement& statement) {
  if (PQsendPrepare(connection_, statement.name().c_str(), statement.sql().c_str(), 0, nullptr) != 1 ||
      PQpipelineSync(connection_) != 1)
    return false;
  prepared_.insert(statement.name());
  waiting_.push_back({nullptr, statement.name(), std::chrono::steady_clock::now()});
  return true;
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
  if (done.channel) {
    // A statement that Postgres no longer has (26000) is prepared anew by the next who needs it.
    if (done.reply.failure && done.reply.failure->sqlstate == "26000") prepared_.clear();
    done.channel->try_send(boost::system::error_code{}, std::move(done.reply));
  } else if (done.reply.failure && done.reply.failure->sqlstate != "42P05") {  // 42P05: it exists already
    prepared_.erase(done.prepares);
    log_.warning("a statement could not be prepared",
                 {{"sqlstate", done.reply.failure->sqlstate}, {"error", done.reply.failure->message}});
  }
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

std::chrono::steady_clock::duration Connection::oldest_wait() const {
  if (waiting_.empty()) return {};
  return std::chrono::steady_clock::now() - waiting_.front().since;
}

}  // namespace tenfold::sidecar
