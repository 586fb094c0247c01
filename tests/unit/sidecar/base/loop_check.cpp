// What needs the loop: child processes, the HTTP client, tasks. A program of its own, because the unit tests
// are built without Boost. The client's other side is the daemon's server, on the same loop.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <optional>
#include <stdexcept>

#include "base/process.hpp"
#include "base/trouble.hpp"
#include "http/client.hpp"
#include "http/provider_client.hpp"
#include "http/server.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

const Log quiet(Log::Format::json, LogLevel::error);

// Runs one task to its end, and gives its result.
template <class T, class Make>
T wait_for(Loop& loop, Make make) {
  std::optional<T> result;
  const auto task = [&]() -> Task<void> {
    result = co_await make();
    loop.stop();
  };
  loop.spawn_vital("test", task());
  loop.run();
  return std::move(result).value();
}

ProcessResult run(ProcessCall call) {
  Loop loop(quiet);
  return wait_for<ProcessResult>(loop, [&] { return run_process(loop, call); });
}

ProcessCall shell(std::string script) {
  return {{"sh", "-c", std::move(script)}};
}

TEST(future, gives_what_the_task_gave_before_or_after_somebody_asks) {
  Loop loop(quiet);
  const auto slow = [](int value, std::chrono::milliseconds time) -> Task<int> {
    co_await sleep_for(time);
    co_return value;
  };
  const int sum = wait_for<int>(loop, [&]() -> Task<int> {
    Future<int> early(loop.io(), slow(1, 0ms)), late(loop.io(), slow(2, 20ms));
    co_await sleep_for(5ms);
    const int first = co_await early.get(), second = co_await late.get();
    co_return first + second;
  });
  EXPECT_EQ(sum, 3);
}

TEST(future, throws_what_the_task_threw) {
  Loop loop(quiet);
  const auto fail = []() -> Task<int> {
    co_await sleep_for(1ms);
    throw std::runtime_error("no");
  };
  const std::string said = wait_for<std::string>(loop, [&]() -> Task<std::string> {
    Future<int> dropped(loop.io(), fail()), asked(loop.io(), fail());
    try {
      co_await asked.get();
    } catch (const std::runtime_error& failure) {
      co_return failure.what();
    }
    co_return "nothing";
  });
  EXPECT_EQ(said, "no");
}

TEST(process, output_errors_and_exit_code) {
  const ProcessResult result = run(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
}

TEST(process, input_larger_than_a_pipe) {
  ProcessCall call{{"cat"}, std::string(3'000'000, 'x')};
  EXPECT_EQ(run(call).output, call.input);
}

TEST(process, input_that_nobody_reads) {
  ProcessCall call{{"true"}, std::string(3'000'000, 'x')};
  EXPECT_EQ(run(call).exit_code, 0);
}

TEST(process, absent) {
  const ProcessResult result = run({{"/nowhere/program"}});
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_NE(result.errors.find("/nowhere/program"), std::string::npos);
}

TEST(process, killed_with_its_children_at_the_deadline) {
  ProcessCall call = shell("sleep 60 & sleep 60; wait");
  call.deadline = 100ms;
  const auto began = std::chrono::steady_clock::now();
  const ProcessResult result = run(call);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

TEST(process, output_is_bounded) {
  ProcessCall call{{"yes"}};
  call.most_bytes = 10'000;
  const ProcessResult result = run(call);
  EXPECT_EQ(result.output.size(), 10'000U);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
}

Task<void> fail_soon() {
  co_await sleep_for(1ms);
  throw std::runtime_error("expected by this test");
}

TEST(loop, a_vital_task_that_fails_ends_it) {
  Loop loop(quiet);
  loop.spawn_vital("failing", fail_soon());
  EXPECT_EQ(loop.run(), 1);
}

TEST(loop, any_other_that_fails_ends_alone) {
  Loop loop(quiet);
  loop.spawn("failing", fail_soon());
  const auto end = [&]() -> Task<void> {
    co_await sleep_for(20ms);
    loop.stop();
  };
  loop.spawn("test", end());
  EXPECT_EQ(loop.run(), 0);
}

TEST(loop, what_is_kept_begins_anew_until_it_returns) {
  Loop loop(quiet);
  int begun = 0;
  const auto task = [&]() -> Task<void> {
    co_await sleep_for(1ms);
    if (++begun < 3) throw std::runtime_error("expected by this test");
    loop.stop();
  };
  loop.keep("kept", task);
  EXPECT_EQ(loop.run(), 0);
  EXPECT_EQ(begun, 3);
}

// One call at a time, to this machine too.
HttpClientOptions local() {
  HttpClientOptions options;
  options.most_in_flight = 1;
  options.allowed = *AddressRules::read("127.0.0.0/8");
  return options;
}

// A server whose answers tell what it was asked.
class Client : public testing::Test {
 protected:
  Client() { server_.start(); }

  HttpReply send(HttpCall call) {
    call.url = "http://" + server_.address() + call.url;
    return wait_for<HttpReply>(loop_, [&] { return client_.send(call); });
  }

  static Task<HttpAnswer> answer(const HttpRequest& request) {
    if (request.path == "/slow") co_await sleep_for(60s);
    HttpAnswer echo{201, {{"X-Seen", std::string(request.header("x-sent"))}}};
    echo.body = std::string(request.method) + " " + std::string(request.body);
    if (request.path == "/large") echo.body.assign(100'000, 'x');
    co_return echo;
  }

  Loop loop_{quiet};
  HttpServer server_{loop_, quiet, HttpServerOptions{"127.0.0.1:0"}, answer};
  HttpClient client_{loop_, local()};
};

TEST_F(Client, sends_and_receives) {
  HttpCall call{"PUT", "/path?a=b"};
  call.headers = {"X-Sent: me"};
  call.body = std::string(100'000, 'y');
  const HttpReply reply = send(call);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.body, "PUT " + call.body);
  EXPECT_EQ(reply.headers.at("x-seen"), "me");
}

TEST_F(Client, keeps_to_its_deadline) {
  HttpCall call{"GET", "/slow"};
  call.deadline = 100ms;
  const HttpReply reply = send(call);
  EXPECT_EQ(reply.status, 0);
  EXPECT_FALSE(reply.error.empty());
}

TEST_F(Client, takes_no_more_than_it_should) {
  HttpCall call{"GET", "/large"};
  call.most_bytes = 99'999;
  EXPECT_EQ(send(call).status, 0);
}

TEST(client, says_what_is_wrong) {
  Loop loop(quiet);
  HttpClient client(loop, local());
  const HttpCall refused{"GET", "http://127.0.0.1:1/"};
  EXPECT_FALSE(wait_for<HttpReply>(loop, [&] { return client.send(refused); }).error.empty());
}

TEST(client, other_protocols_are_none) {
  Loop loop(quiet);
  HttpClient client(loop, local());
  const HttpCall file{"GET", "file:///etc/passwd"};
  const HttpReply reply = wait_for<HttpReply>(loop, [&] { return client.send(file); });
  EXPECT_EQ(reply.status, 0);
  EXPECT_TRUE(reply.body.empty());
}

TEST(client, knows_whose_fault_it_is) {
  Loop loop(quiet);
  HttpClient client(loop, local());
  for (const char* url : {"file:///etc/passwd", "http://[", ""}) {
    const HttpReply reply = wait_for<HttpReply>(loop, [&] { return client.send(HttpCall{"GET", url}); });
    EXPECT_STREQ(outcome_of(reply), "neutral") << url;
    loop.io().restart();
  }
  const HttpReply refused = wait_for<HttpReply>(loop, [&] {
    return client.send(HttpCall{"GET", "http://127.0.0.1:1/"});
  });
  EXPECT_STREQ(outcome_of(refused), "failure");
}

TEST(trouble, waits_twice_as_long_from_try_to_try) {
  Trouble trouble(quiet, 300ms);
  for (const auto whole : {50ms, 100ms, 200ms, 300ms, 300ms}) {
    const auto pause = trouble.meet("cannot", "why");
    EXPECT_GE(pause, whole / 2);
    EXPECT_LE(pause, whole);
  }
  trouble.end("can");
  EXPECT_LE(trouble.meet("cannot", "why"), 50ms);
}

TEST(trouble, is_logged_once_for_each_reason) {
  const Log log(Log::Format::json, LogLevel::warning);
  Trouble trouble(log, 300ms);
  testing::internal::CaptureStderr();
  for (const char* reason : {"down", "down", "full", "full", "down"}) trouble.meet("cannot", reason);
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 3) << lines;
}

TEST(provider, outcomes) {
  for (const int good : {200, 204, 302, 400, 404, 499}) EXPECT_STREQ(outcome_of(HttpReply{good}), "success");
  for (const int bad : {0, 429, 500, 503}) EXPECT_STREQ(outcome_of(HttpReply{bad}), "failure");
}

}  // namespace
}  // namespace tenfold::sidecar
