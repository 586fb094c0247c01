// The one event loop of the process: timers, signals and the end. Everything runs on it, in one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"

namespace tenfold::sidecar {

namespace asio = boost::asio;

// What a coroutine of this program is: started where it is awaited, and run on that one's loop.
template <class T>
using Task = asio::awaitable<T>;

// Waits on the loop of the awaiting coroutine.
Task<void> sleep_for(std::chrono::steady_clock::duration duration);

// Wakes the one coroutine that waits for news. A ring before it waits counts, too.
class Bell {
 public:
  explicit Bell(asio::io_context& io) : timer_(io) {}

  void ring();
  Task<void> wait(std::chrono::steady_clock::duration most);

 private:
  asio::steady_timer timer_;
  bool rung_ = false;
};

// A task that runs beside the one that wants its result. A caller that has lost interest just drops it.
template <class T>
class Future {
 public:
  Future(asio::io_context& io, Task<T> task) : state_(std::make_shared<State>(io)) {
    asio::co_spawn(io, std::move(task), [state = state_](std::exception_ptr failure, T value) {
      state->failure = std::move(failure);
      state->value = std::move(value);
      state->bell.ring();
    });
  }

  // Once. Throws what the task threw.
  Task<T> get() {
    while (!state_->value) co_await state_->bell.wait(std::chrono::hours(1));
    if (state_->failure) std::rethrow_exception(state_->failure);
    co_return std::move(*state_->value);
  }

 private:
  struct State {
    explicit State(asio::io_context& io) : bell(io) {}

    Bell bell;
    std::exception_ptr failure;
    std::optional<T> value;
  };

  std::shared_ptr<State> state_;
};

// A quarter more or less, so that what began together does not stay together.
std::chrono::milliseconds jittered(std::chrono::milliseconds time);

class Loop {
 public:
  // From here on, SIGPIPE is ignored in the process: writing to a closed socket is an error of that write.
  explicit Loop(const Log& log);

  asio::io_context& io() { return io_; }

  // Runs a task beside the others. An exception that leaves it is logged, and ends this task only.
  void spawn(std::string name, Task<void> task);
  // One that the process cannot do without, as its start: an exception ends the process.
  void spawn_vital(std::string name, Task<void> task);
  // One that runs until it returns. An exception is logged, and after a pause, longer each time, it begins
  // anew.
  void keep(std::string name, std::function<Task<void>()> begin);

  // SIGHUP calls reload. The first SIGTERM or SIGINT calls drain, the second ends the loop at once.
  void on_signals(std::function<void()> drain, std::function<void()> reload);

  // Until stop() is called; gives the exit code, 1 after a vital task has failed.
  int run();
  void stop() { io_.stop(); }

 private:
  Task<void> watch_signals(std::function<void()> drain, std::function<void()> reload);
  Task<void> run_again(std::string name, std::function<Task<void>()> begin);
  void end_by(const std::string& name, const std::exception_ptr& failure);

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
