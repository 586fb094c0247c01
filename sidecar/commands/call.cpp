#include "commands/call.hpp"

#include <fmt/core.h>

#include <boost/asio/use_awaitable.hpp>

#include "daemon/daemon.hpp"
#include "http/provider_client.hpp"

namespace tenfold::sidecar {
namespace {

std::string line_of(const ProviderReply& reply) {
  if (reply.refused == "database") return "refused: " + reply.reply.error;
  if (reply.refused == "busy") return "refused: busy";
  if (!reply.refused.empty())
    return fmt::format("refused: {}, ask again in {:.3f} s", reply.refused, reply.retry_after);
  if (reply.reply.status == 0) return "no answer: " + reply.reply.error;
  return fmt::format("{}, {} bytes", reply.reply.status, reply.reply.body.size());
}

bool is_good(const ProviderReply& reply) {
  return reply.refused.empty() && reply.reply.status > 0 && reply.reply.status < 500;
}

HttpClientOptions all_at_once(const Settings& settings, size_t calls) {
  HttpClientOptions options = http_options(settings);
  options.most_in_flight = calls;
  return options;
}

// What the calls share, and the end of the last one ends.
struct Calls {
  Calls(const Settings& settings, const CallOptions& asked)
      : options(asked),
        log(Log::from_names(settings.text("log.format"), settings.text("log.level"))),
        loop(log),
        pool(loop, log, pool_options(settings)),
        http(loop, all_at_once(settings, asked.urls.size())),
        database(pool, pool, settings),
        providers(loop, log, database, http, settings.size("http.in_flight_each")),
        replies(asked.urls.size()),
        left(asked.urls.size()) {}

  Task<void> call(size_t number) {
    HttpCall one{"GET", options.urls[number]};
    one.deadline = std::chrono::milliseconds(static_cast<int64_t>(options.deadline * 1000));
    // Postgres has as long as the provider; then send() says that it is away.
    const auto end = std::chrono::steady_clock::now() + one.deadline;
    while (!pool.is_up() && std::chrono::steady_clock::now() < end)
      co_await sleep_for(std::chrono::milliseconds(5));
    replies[number] = co_await providers.send(options.provider, std::move(one));
    if (--left > 0) co_return;
    co_await providers.wait_until_reported();
    pool.stop();
    loop.stop();
  }

  const CallOptions& options;
  Log log;
  Loop loop;
  Pool pool;
  HttpClient http;
  WorkerDatabase database;
  ProviderClient providers;
  std::vector<ProviderReply> replies;
  size_t left;
};

}  // namespace

int call_provider(const Settings& settings, const CallOptions& options) {
  Calls calls(settings, options);
  calls.pool.start();
  for (size_t i = 0; i < options.urls.size(); i++) calls.loop.spawn_vital("call", calls.call(i));
  if (const int code = calls.loop.run(); code != 0) return code;
  bool all_good = true;
  for (size_t i = 0; i < options.urls.size(); i++) {
    fmt::print("{} {}\n", options.urls[i], line_of(calls.replies[i]));
    all_good = all_good && is_good(calls.replies[i]);
  }
  return all_good ? 0 : 1;
}

}  // namespace tenfold::sidecar
