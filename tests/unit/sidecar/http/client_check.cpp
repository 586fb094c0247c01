// HttpClient against a server of bytes: what it sends, how long it waits, and what it says of a call that
// failed.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>

#include "http/client.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

const Log quiet(Log::Format::json, LogLevel::error);

// Answers each connection with the same bytes once its head has come, and closes.
class ByteServer {
 public:
  ByteServer(Loop& loop, std::string answer)
      : acceptor_(loop.io(), {asio::ip::make_address("127.0.0.1"), 0}), answer_(std::move(answer)) {
    asio::co_spawn(loop.io(), serve(), asio::detached);
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
  }

  std::string seen;     // of the last request: the head, and what came with it
  size_t least = 0;     // bytes to wait for
  bool answers = true;  // else it says nothing, and keeps the connection

 private:
  Task<void> serve() {
    while (true) {
      auto socket = std::make_shared<tcp::socket>(co_await acceptor_.async_accept(asio::use_awaitable));
      std::string received;
      co_await asio::async_read_until(*socket, asio::dynamic_buffer(received), "\r\n\r\n",
                                      asio::use_awaitable);
      while (received.size() < least)
        co_await asio::async_read(*socket, asio::dynamic_buffer(received), asio::transfer_at_least(1),
                                  asio::use_awaitable);
      seen = received;
      if (answers)
        co_await asio::async_write(*socket, asio::buffer(answer_), asio::use_awaitable);
      else
        kept_.push_back(socket);
    }
  }

  tcp::acceptor acceptor_;
  std::string answer_;
  std::vector<std::shared_ptr<tcp::socket>> kept_;
};

constexpr char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

HttpClientOptions local(size_t most_in_flight = 10) {
  HttpClientOptions options;
  options.most_in_flight = most_in_flight;
  options.allowed = *AddressRules::read("127.0.0.0/8");
  return options;
}

class Outgoing : public testing::Test {
 protected:
  // Sends all at once; replies are in their order.
  std::vector<HttpReply> send(HttpClient& client, const std::vector<HttpCall>& calls) {
    std::vector<HttpReply> replies(calls.size());
    size_t left = calls.size();
    const auto one = [&](size_t number) -> Task<void> {
      replies[number] = co_await client.send(calls[number]);
      if (--left == 0) loop_.io().stop();
    };
    for (size_t i = 0; i < calls.size(); i++) loop_.spawn("call", one(i));
    loop_.io().run();  // not loop_.run(), after which a loop is at its end
    loop_.io().restart();
    return replies;
  }

  HttpReply send(HttpCall call) {
    HttpClient client(loop_, local());
    return send(client, {std::move(call)}).front();
  }

  Loop loop_{quiet};
};

TEST_F(Outgoing, a_post_of_nothing_says_so) {
  ByteServer server(loop_, fine);
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    EXPECT_EQ(send({method, server.url()}).status, 200);
    EXPECT_NE(server.seen.find("\r\nContent-Length: 0\r\n"), std::string::npos) << server.seen;
  }
  EXPECT_EQ(send({"DELETE", server.url()}).status, 200);
  EXPECT_EQ(server.seen.find("Content-Length"), std::string::npos) << server.seen;
}

TEST_F(Outgoing, says_how_far_a_call_came) {
  EXPECT_EQ(send({"POST", "http://127.0.0.1:1/"}).reach, HttpReach::not_sent);
  EXPECT_EQ(send({"POST", "http://["}).reach, HttpReach::not_sent);
  ByteServer silent(loop_, "");
  silent.answers = false;
  HttpCall unanswered{"POST", silent.url()};
  unanswered.deadline = 100ms;
  EXPECT_EQ(send(unanswered).reach, HttpReach::perhaps);
  ByteServer closing(loop_, "");
  EXPECT_EQ(send({"POST", closing.url()}).reach, HttpReach::perhaps);
  ByteServer broken(loop_, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok");
  const HttpReply half = send({"POST", broken.url()});
  EXPECT_EQ(half.reach, HttpReach::answered);
  EXPECT_EQ(half.status, 0);
  ByteServer good(loop_, fine);
  EXPECT_EQ(send({"POST", good.url()}).reach, HttpReach::answered);
}

TEST_F(Outgoing, addresses_within_are_denied_by_number_and_by_name) {
  ByteServer server(loop_, fine);
  HttpClient strict(loop_, {});
  const std::string port = server.url().substr(std::string("http://127.0.0.1").size());
  for (const char* host :
       {"127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254"}) {
    const HttpReply reply = send(strict, {{"GET", "http://" + std::string(host) + port}}).front();
    EXPECT_TRUE(reply.is_denied) << host;
    EXPECT_TRUE(reply.is_our_fault);
    EXPECT_EQ(reply.reach, HttpReach::not_sent);
  }
  EXPECT_EQ(server.seen, "");
}

TEST_F(Outgoing, no_proxy_comes_between) {
  ByteServer server(loop_, fine), proxy(loop_, fine);
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) setenv(name, proxy.url().c_str(), 1);
  EXPECT_EQ(send({"GET", server.url()}).status, 200);
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
  EXPECT_EQ(proxy.seen, "");
}

TEST_F(Outgoing, calls_wait_for_a_place_in_their_order) {
  ByteServer server(loop_, fine), silent(loop_, "");
  silent.answers = false;
  HttpClient narrow(loop_, local(1));
  HttpCall slow{"GET", silent.url()}, impatient{"GET", server.url()};
  slow.deadline = 300ms;
  impatient.deadline = 50ms;
  const std::vector<HttpReply> replies =
      send(narrow, {slow, impatient, {"GET", server.url()}, {"GET", server.url()}});
  EXPECT_EQ(replies[0].reach, HttpReach::perhaps);
  EXPECT_TRUE(replies[1].had_no_place);
  EXPECT_EQ(replies[1].reach, HttpReach::not_sent);
  EXPECT_EQ(replies[2].status, 200) << replies[2].error;
  EXPECT_EQ(replies[3].status, 200) << replies[3].error;
  EXPECT_EQ(narrow.in_flight(), 0U);
}

TEST_F(Outgoing, no_time_is_not_for_ever) {
  ByteServer silent(loop_, "");
  silent.answers = false;
  HttpCall call{"GET", silent.url()};
  for (const auto time : {0ms, -1ms, 1ms}) {
    call.deadline = time;
    EXPECT_EQ(send(call).status, 0);
  }
}

TEST_F(Outgoing, bodies_flow_both_ways) {
  const std::string sent(300'000, 'a'), answered(200'000, 'b');
  ByteServer server(loop_, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + answered);
  server.least = sent.size();
  size_t given = 0;
  std::string taken;
  HttpCall call{"PUT", server.url()};
  call.given = static_cast<int64_t>(sent.size());
  call.give = [&](char* place, size_t most) {
    const size_t size = std::min(most, sent.size() - given);
    given += sent.copy(place, size, given);
    return size;
  };
  call.take = [&](std::string_view piece) { return taken.append(piece), true; };
  call.most_bytes = 1;  // of a body in memory
  const HttpReply reply = send(call);
  EXPECT_EQ(reply.status, 200) << reply.error;
  EXPECT_EQ(taken, answered);
  EXPECT_NE(server.seen.find("Content-Length: 300000\r\n"), std::string::npos);
  EXPECT_EQ(server.seen.find("Expect"), std::string::npos);
  call.take = [](std::string_view) { return false; };
  given = 0;
  EXPECT_EQ(send(call).status, 0);
}

TEST_F(Outgoing, retry_after_in_seconds_or_as_a_date) {
  const auto answer = [](const std::string& value) {
    return "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: " + value + "\r\n\r\n";
  };
  ByteServer seconds(loop_, answer("7")), date(loop_, answer("Fri, 31 Dec 2100 23:59:59 GMT")),
      odd(loop_, answer("soon"));
  EXPECT_EQ(send({"GET", seconds.url()}).retry_after, 7s);
  EXPECT_GT(send({"GET", date.url()}).retry_after, 24h);
  EXPECT_FALSE(send({"GET", odd.url()}).retry_after);
}

}  // namespace
}  // namespace tenfold::sidecar
