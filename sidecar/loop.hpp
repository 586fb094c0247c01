// The one event loop of the process: timers, signals and the end. Everything runs on it, in one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "sidecar/log.hpp"

namespace tenfold::sidecar {

namespace asio = boost::asio;

// What a coroutine of this program is: started where it is awaited, and run on that one's loop.
template <class T>
using Task = asio::awaitable<T>;

// Waits on the loop of the awaiting coroutine.
Task<void> sleep_for(std::chrono::steady_clock::duration duration);

// A quarter more or less, so that what began together does not stay together.
std::chrono::milliseconds jittered(std::chrono::milliseconds time);

class Loop {
 public:
  // From here on, SIGPIPE is ignored in the process: writing to who has closed is an error of that write.
  explicit Loop(const Log& log);

  asio::io_context& io() { return io_; }

  // Runs a task beside the others. An exception that leaves it ends the process: nobody waits for its result.
  void spawn(std::string name, Task<void> task);

  // SIGHUP calls reload. The first SIGTERM or SIGINT calls drain, the second ends the loop at once.
  void on_signals(std::function<void()> drain, std::function<void()> reload);

  // Until stop() is called; gives the exit code, 1 after a task has failed.
  int run();
  void stop() { io_.stop(); }

 private:
  Task<void> watch_signals(std::function<void()> drain, std::function<void()> reload);

  struct Context : asio::io_context {
    using execution_context::shutdown;
    using io_context::io_context;
  };

  const Log& log_;
  Context io_{1};  // 1: one thread runs it, so that Asio may skip some locks
  asio::signal_set signals_;
  int exit_code_ = 0;
};

}  // namespace tenfold::sidecar
