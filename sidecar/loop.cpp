#include "sidecar/loop.hpp"

#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <random>

namespace tenfold::sidecar {

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
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
      log_.error("a task failed; the process ends", {{"task", name}, {"error", exception.what()}});
    }
    exit_code_ = 1;
    io_.stop();
  });
}

void Loop::on_signals(std::function<void()> drain, std::function<void()> reload) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
  spawn("signals", watch_signals(std::move(drain), std::move(reload)));
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
