#include "events/ticker.hpp"

#include <utility>

#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::milliseconds rotate_every = 30s, pause_after_refusal = 1s;

}  // namespace

Ticker::Ticker(Loop& loop, const Log& log, WorkerDatabase& database, std::chrono::milliseconds every,
               std::function<void()> on_tick)
    : loop_(loop),
      log_(log),
      database_(database),
      every_(every),
      on_tick_(std::move(on_tick)),
      tick_(database.statement("SELECT tenfold.tick()")),
      rotate_(database.statement("SELECT tenfold.rotate_events()")) {}

void Ticker::start() {
  loop_.keep("ticks", [this] { return tick_for_ever(); });
  loop_.keep("rotation of the log", [this] { return rotate_for_ever(); });
}

// NULL: another session ticks, and the next time tells.
Task<void> Ticker::tick_for_ever() {
  int64_t newest = 0;
  while (!draining_) {
    co_await sleep_for(every_);
    co_await database_.wait_until_up();
    const Reply reply = co_await database_.try_ask(tick_);
    if (reply.failure) {
      if (!reply.failure->is_passing())
        log_.error("cannot tick", {{"error", reply.failure->message}, {"hint", reply.failure->hint}});
      co_await sleep_for(jittered(pause_after_refusal));
    } else if (const auto tick = number<int64_t>(reply.rows.back().text(0, 0)); tick > newest) {
      newest = tick;
      on_tick_();
    }
  }
}

Task<void> Ticker::rotate_for_ever() {
  while (!draining_) {
    co_await sleep_for(jittered(rotate_every));
    const Reply reply = co_await database_.try_ask(rotate_);
    if (reply.failure)
      log_.warning("cannot rotate the log", {{"error", reply.failure->message}});
    else
      log_.debug("rotated the log", {{"did", reply.rows.back().text(0, 0)}});
  }
}

}  // namespace tenfold::sidecar
