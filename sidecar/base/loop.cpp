#include "base/loop.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <random>

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds longest_pause = 5s;
constexpr auto calm = 1min;  // a task that ran for so long has got over what ended it before

std::string reason_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

}  // namespace

Task<void> sleep_for(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

void Bell::ring() {
  rung_ = true;
  timer_.cancel();
}

Task<void> Bell::wait(std::chrono::steady_clock::duration most) {
  timer_.expires_after(most);
  if (!rung_) co_await timer_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  rung_ = false;
}

std::chrono::milliseconds jittered(std::chrono::milliseconds time) {
  static std::minstd_rand random{std::random_device{}()};
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int64_t>(time.count() * 3 / 4, time.count() * 5 / 4)(random));
}

Loop::Loop(const Log& log) : log_(log), signals_(io_) {
  std::signal(SIGPIPE, SIG_IGN);
}

void Loop::spawn(std::string name, Task<void> task) {
  asio::co_spawn(io_, std::move(task), [this, name = std::move(name)](const std::exception_ptr& failure) {
    if (failure) log_.error("a task failed", {{"task", name}, {"error", reason_of(failure)}});
  });
}

void Loop::spawn_vital(std::string name, Task<void> task) {
  asio::co_spawn(io_, std::move(task), [this, name = std::move(name)](const std::exception_ptr& failure) {
    if (failure) end_by(name, failure);
  });
}

void Loop::keep(std::string name, std::function<Task<void>()> begin) {
  spawn(name, run_again(name, std::move(begin)));
}

Task<void> Loop::run_again(std::string name, std::function<Task<void>()> begin) {
  for (std::chrono::milliseconds pause = 100ms;; pause = std::min(pause * 2, longest_pause)) {
    const auto began_at = std::chrono::steady_clock::now();
    std::string reason;
    try {
      co_await begin();
      co_return;
    } catch (const std::exception& failure) {
      reason = failure.what();
    }
    if (std::chrono::steady_clock::now() - began_at > calm) pause = 100ms;
    log_.error("a task failed; it begins anew", {{"task", name}, {"error", reason}});
    co_await sleep_for(jittered(pause));
  }
}

void Loop::end_by(const std::string& name, const std::exception_ptr& failure) {
  log_.error("a task failed; the process ends", {{"task", name}, {"error", reason_of(failure)}});
  exit_code_ = 1;
  io_.stop();
}

void Loop::on_signals(std::function<void()> drain, std::function<void()> reload) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
  spawn_vital("signals", watch_signals(std::move(drain), std::move(reload)));
}

Task<void> Loop::watch_signals(std::function<void()> drain, std::function<void()> reload) {
  bool draining = false;
  while (true) {
    const int signal = co_await signals_.async_wait(asio::use_awaitable);
    if (signal == SIGHUP) {
      reload();
    } else if (draining) {
      log_.warning("stopped at once by a second signal");
      stop();
    } else {
      draining = true;
      drain();
    }
  }
}

int Loop::run() {
  io_.run();
  io_.shutdown();  // destroys what still waits while the objects it refers to live
  return exit_code_;
}

}  // namespace tenfold::sidecar
