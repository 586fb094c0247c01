#include "http/call.hpp"

#include <gtest/gtest.h>

namespace tenfold::sidecar {
namespace {

TEST(HttpCall, PostsTheBodyAsJson) {
  const auto request = read_http_call(R"({"url": "https://a.example/x", "body": {"n": 1}})", 7, 9);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->url, "https://a.example/x");
  EXPECT_EQ(request->body, R"({"n":1})");
  EXPECT_EQ(request->headers, (std::vector<std::string>{"Content-Type: application/json",
                                                        "Idempotency-Key: 7", "Job-Epoch: 9"}));
}

TEST(HttpCall, OwnHeadersWin) {
  const auto request = read_http_call(
      R"({"url": "http://a", "method": "PUT", "headers": {"content-TYPE": "text/plain", "Idempotency-Key": "k"}})",
      7, 9);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "PUT");
  EXPECT_EQ(request->headers.size(), 3u);
  EXPECT_EQ(request->body, "");
}

TEST(HttpCall, RefusesWhatIsNoCall) {
  for (const char* payload :
       {"", "[]", "{}", R"({"url": 1})", R"({"url": "ftp://a"})", R"({"url": "file:///etc/passwd"})",
        R"({"url": "http://a", "method": "GET"})", R"({"url": "http://a", "method": 1})",
        R"({"url": "http://a", "headers": []})", R"({"url": "http://a", "headers": {"A": 1}})",
        R"({"url": "http://a", "headers": {"A": "b\r\nC: d"}})",
        R"({"url": "http://a", "headers": {"A\nB": "c"}})"})
    EXPECT_FALSE(read_http_call(payload, 1, 2)) << payload;
}

TEST(HttpCall, FramingIsNotThePayloads) {
  for (const char* name : {"Content-Length", "TRANSFER-ENCODING", "connection", "Host", "Expect", "TE",
                           "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
                           "Transfer-Encoding ", " Host", "Host:x", "Ho st", "H\u00f6st", ""})
    EXPECT_FALSE(
        read_http_call(R"({"url": "http://a", "headers": {")" + std::string(name) + R"(": "1"}})", 1, 2))
        << name;
}

TEST(HttpCall, AnEmptyHeaderIsSent) {
  const auto request = read_http_call(R"({"url": "http://a", "headers": {"X-Empty": " "}})", 1, 2);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->headers.front(), "X-Empty;");
}

TEST(HttpCall, OutcomeOfAStatus) {
  for (const int status : {200, 204, 299}) EXPECT_EQ(outcome_of(status), HttpOutcome::done);
  for (const int status : {0, 408, 425, 429, 500, 503}) EXPECT_EQ(outcome_of(status), HttpOutcome::retry);
  for (const int status : {301, 400, 404, 422}) EXPECT_EQ(outcome_of(status), HttpOutcome::dead);
}

}  // namespace
}  // namespace tenfold::sidecar
