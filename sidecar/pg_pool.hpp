// Connections to one database, kept up: each reconnects by itself, with jittered backoff.
#pragma once

#include <boost/asio/experimental/channel.hpp>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sidecar/log.hpp"
#include "sidecar/loop.hpp"
#include "sidecar/pg_connection.hpp"

namespace tenfold::sidecar {

struct PoolOptions {
  std::string dsn;
  size_t connections = 8;
  size_t depth =
      4;  // transactions on one connection at once: more is faster, and waits longer behind a slow one
  size_t queue = 1000;  // that wait for a connection; more are refused
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds answer_timeout{
      60000};  // then Postgres counts as gone, and the connection is broken
};

class Pool {
 public:
  Pool(Loop& loop, const Log& log, PoolOptions options);

  // Starts to connect. The pool lives until the loop has ended.
  void start();

  // Runs the statements as one transaction on the connection with the fewest under way. Waits in a bounded
  // queue where all have their fill; fails at once where none is up. Never repeats a transaction.
  Task<Reply> run(std::vector<Query> queries);

  // Replaces every connection once its transactions are answered: for what Postgres fixes at login, and for
  // plans of functions whose result type changed.
  void renew();

  // Connects no more, and closes what is open.
  void stop();

  // A connection is up, or is just being renewed.
  bool is_up() const;
  size_t connections_up() const { return up_; }
  size_t in_flight() const;
  size_t queued() const { return queue_.size(); }

  // Completes when a connection is up.
  Task<void> wait_until_up();

 private:
  using Turn = asio::experimental::channel<void(boost::system::error_code)>;

  struct Slot {
    std::shared_ptr<Connection> connection;
    bool renewing = false;
  };

  Task<void> keep_connected(Slot& slot);
  Task<bool> connect_once(Slot& slot);
  Task<void> watch_answers();
  std::chrono::milliseconds backoff(int failures);
  Slot* least_busy();
  void wake_next();
  void wake_all_if_down();
  void close_if_renewing(Slot& slot);

  Loop& loop_;
  const Log& log_;
  PoolOptions options_;
  std::vector<Slot> slots_;
  std::deque<std::shared_ptr<Turn>> queue_;
  size_t up_ = 0;
  bool stopped_ = false;
  std::string last_error_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace tenfold::sidecar
