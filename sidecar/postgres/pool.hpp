// Connections to one database, kept up: each reconnects by itself, with jittered backoff.
#pragma once

#include <boost/asio/experimental/channel.hpp>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "postgres/connection.hpp"

namespace tenfold::sidecar {

struct PoolOptions {
  std::string dsn;
  size_t connections = 8;
  size_t depth =
      4;  // transactions on one connection at once: more is faster, and waits longer behind a slow one
  size_t queue = 1000;                             // that wait for a connection; more are refused
  std::chrono::milliseconds queue_timeout{10000};  // who waited for one so long is refused
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
  // queue where all have their fill, behind those that came before; fails at once where none is up. Never
  // repeats a transaction.
  Task<Reply> run(std::vector<Query> queries);

  // Replaces every connection once its transactions are answered: for what Postgres fixes at login, and for
  // plans of functions whose result type changed.
  void renew();

  // The process ends: nobody is to wait for a connection that may not come.
  void drain() { draining_ = true; }
  // Connects no more, and closes what is open.
  void stop();

  // A connection is up, or is just being renewed.
  bool is_up() const;
  size_t connections_up() const { return up_; }
  size_t in_flight() const;
  size_t queued() const { return queue_.size(); }
  const Log& log() const { return log_; }

  // Completes when a connection is up, or the process ends.
  Task<void> wait_until_up();

 private:
  struct Slot {
    std::shared_ptr<Connection> connection;
    bool renewing = false;
    size_t promised = 0;  // places given to those that are just being woken
  };

  // Given to a waiting caller: a place, or none when there will be none any more.
  using Turn = asio::experimental::channel<void(boost::system::error_code, Slot*)>;
  struct Waiting {
    std::shared_ptr<Turn> turn;
    Connection::Clock::time_point since;
  };

  Task<void> keep_connected(Slot& slot);
  Task<bool> connect_once(Slot& slot);
  Task<void> watch_answers();
  std::chrono::milliseconds backoff(int failures);
  Task<Slot*> place();
  Slot* least_busy();
  void give_places();
  void refuse_front();
  void refuse_all_if_down();
  void close_if_renewing(Slot& slot);

  Loop& loop_;
  const Log& log_;
  PoolOptions options_;
  std::vector<Slot> slots_;
  std::deque<Waiting> queue_;
  size_t up_ = 0;
  bool draining_ = false, stopped_ = false;
  std::string last_error_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace tenfold::sidecar
