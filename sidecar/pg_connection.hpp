// One connection to Postgres, awaited; held by a shared_ptr. Many transactions may be under way on it at once
// (pipeline mode): each is sent in one write and answered in one, in the order of sending, and none sees
// another's error.
#pragma once

#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include "sidecar/log.hpp"
#include "sidecar/loop.hpp"
#include "sidecar/pg_statement.hpp"

namespace tenfold::sidecar {

// Thrown by connect().
struct ConnectFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::any_io_executor executor, const Log& log);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects, by libpq's rules for dsn (empty: PGHOST and so on). A host name is resolved blockingly by
  // libpq.
  Task<void> connect(std::string dsn, std::chrono::milliseconds timeout);

  // Reads answers until the connection breaks or close() is called.
  Task<void> read_answers();

  // Runs the statements as one transaction: all take effect, or none. The implicit transaction of a pipeline
  // needs no BEGIN and no COMMIT.
  Task<Reply> run(std::span<const Query> queries);

  // Breaks the connection: all that wait for an answer get PgFailure::Kind::lost.
  void close();

  bool is_open() const { return open_; }
  size_t in_flight() const { return waiting_.size(); }

  // How long the oldest transaction has waited for its answer; zero if none waits.
  std::chrono::steady_clock::duration oldest_wait() const;

 private:
  using Channel = asio::experimental::channel<void(boost::system::error_code, Reply)>;

  // A transaction on its way, or the preparation of a statement. Answered up to its sync.
  struct Waiting {
    std::shared_ptr<Channel> channel;  // none for a preparation
    std::string prepares;              // the statement's name, of a preparation
    std::chrono::steady_clock::time_point since;
    Reply reply = {};
  };

  bool send(std::span<const Query> queries);
  bool send_preparation(const Statement& statement);
  bool send_query(const Query& query);
  Task<void> flush();
  void read_results();
  void take_result(PGresult* result);
  void finish_front();

  asio::any_io_executor executor_;
  const Log& log_;
  PGconn* connection_ = nullptr;
  asio::posix::stream_descriptor socket_;
  std::deque<Waiting> waiting_;
  std::unordered_set<std::string> prepared_;
  bool open_ = false;
  bool flushing_ = false;
};

}  // namespace tenfold::sidecar
