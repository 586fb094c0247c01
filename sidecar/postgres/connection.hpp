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
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "postgres/statement.hpp"

namespace tenfold::sidecar {

// Thrown by connect().
struct ConnectFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

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

  // How long Postgres has been at the transaction whose turn it is; zero if none waits.
  Clock::duration front_time() const;
  // How long Postgres has said nothing about it. Each of its results is a sign of life.
  Clock::duration silence() const;
  // Breaks the connection, and asks Postgres to cancel what it is doing there.
  void give_up();

 private:
  using Channel = asio::experimental::channel<void(boost::system::error_code, Reply)>;

  // A transaction on its way, or the preparation of a statement. Answered up to its sync.
  struct Waiting {
    std::shared_ptr<Channel> channel;     // none for a preparation
    std::string prepares;                 // the statement's name, of a preparation
    std::vector<std::string> names = {};  // of its statements
    Reply reply = {};
  };

  bool send(std::span<const Query> queries);
  bool send_preparation(const Statement& statement);
  bool send_query(const Query& query);
  Task<void> flush();
  void read_results();
  void take_result(PGresult* result);
  void add_waiting(Waiting waiting);
  void finish_front();
  void finish_preparation(const Waiting& done);
  void explain_absence(const Waiting& done, PgFailure& failure);

  asio::any_io_executor executor_;
  const Log& log_;
  PGconn* connection_ = nullptr;
  asio::posix::stream_descriptor socket_;
  std::deque<Waiting> waiting_;
  Clock::time_point front_since_{}, heard_at_{};
  std::unordered_set<std::string> prepared_;
  std::unordered_map<std::string, PgFailure> unpreparable_;  // why, until it succeeds
  bool open_ = false;
  bool flushing_ = false;
};

}  // namespace tenfold::sidecar
