#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workers/gateway/conditional.hpp"
#include "workers/gateway/cors.hpp"
#include "workers/gateway/request_settings.hpp"
#include "workers/gateway/sqlstate.hpp"

namespace tenfold::gateway {
namespace {

using nlohmann::json;
using sidecar::HttpAnswer;
using sidecar::HttpRequest;

TEST(sqlstate, who_asks_matters_for_rights) {
  EXPECT_EQ(status_of("42501", true), 401);
  EXPECT_EQ(status_of("42501", false), 403);
}

TEST(sqlstate, longer_prefixes_first) {
  EXPECT_EQ(status_of("53400", false), 500);
  EXPECT_EQ(status_of("53300", false), 503);
  EXPECT_EQ(status_of("40001", false), 409);
  EXPECT_EQ(status_of("40003", false), 500);
  EXPECT_EQ(status_of("57014", false), 504);
  EXPECT_EQ(status_of("25006", false), 405);
  EXPECT_EQ(status_of("25P02", false), 500);
  EXPECT_EQ(status_of("", false), 400);
}

TEST(sqlstate, custom) {
  EXPECT_EQ(status_of("PT418", false), 418);
  EXPECT_EQ(status_of("PT200", false), 200);
  for (const char* odd : {"PT199", "PT600", "PTabc", "PT-10"}) EXPECT_EQ(status_of(odd, false), 500) << odd;
}

TEST(problem, body) {
  const HttpAnswer answer = answer_of(Problem{409, "23505", "say \"no\"", "", "d"});
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(json::parse(answer.body),
            (json{{"code", "23505"}, {"message", "say \"no\""}, {"hint", nullptr}, {"details", "d"}}));
}

TEST(request_settings, headers) {
  HttpRequest request;
  request.headers = {{"host", "h"},           {"a", "1"}, {"cookie", "c"}, {"a", "2"}, {"x-path-id", "evil"},
                     {"x-request-id", "evil"}};
  request.request_id = "r";
  EXPECT_EQ(json::parse(headers_json(request, {{"hotel_id", "7"}}, {"1.2.3.4", "login"})),
            (json{{"host", "h"},
                  {"a", "1, 2"},
                  {"x-path-hotel-id", "7"},
                  {"x-real-ip", "1.2.3.4"},
                  {"x-rate-class", "login"},
                  {"x-request-id", "r"}}));
  EXPECT_EQ(json::parse(headers_json(request, {}, {"", "", "b=%41"})), (json{{"host", "h"},
                                                                             {"a", "1, 2"},
                                                                             {"x-query", "b=%41"},
                                                                             {"x-real-ip", ""},
                                                                             {"x-rate-class", ""},
                                                                             {"x-request-id", "r"}}));
  request.headers.push_back({"x-query", "from a proxy"});
  EXPECT_EQ(json::parse(proxied_headers_json(request)), (json{{"host", "h"},
                                                              {"a", "1, 2"},
                                                              {"x-path-id", "evil"},
                                                              {"x-query", "from a proxy"},
                                                              {"x-request-id", "r"}}));
}

TEST(request_settings, cookies) {
  EXPECT_EQ(json::parse(cookies_json("a=1; b=2=3;c ; =d;  e=")), (json{{"a", "1"}, {"b", "2=3"}, {"e", ""}}));
  EXPECT_EQ(cookies_json(""), "{}");
}

TEST(response_settings, of_a_function) {
  HttpAnswer answer;
  EXPECT_FALSE(apply_response_settings("202", R"([{"A":"1"},{"B":"2"}])", answer));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(*answer.header("b"), "2");
  EXPECT_FALSE(apply_response_settings(std::nullopt, std::nullopt, answer));
  for (const char* bad : {"", "20", "2000", "abc", "200 "})
    EXPECT_TRUE(apply_response_settings(bad, {}, answer)) << bad;
  for (const char* bad : {"", "{}", "[1]", R"([{"a":1}])", R"([{}])", R"([{"a":"b","c":"d"}])"})
    EXPECT_TRUE(apply_response_settings({}, bad, answer)) << bad;
}

TEST(etag, lists) {
  for (const char* yes : {"\"a\"", "W/\"a\"", "\"x\", \"a\"", "*", " \"x\",W/\"a\"", "\"x,y\",\"a\""})
    EXPECT_TRUE(names_tag(yes, "\"a\"")) << yes;
  for (const char* no : {"", "\"b\"", "a", "\"a", "\"x,\"a\"", ",,"})
    EXPECT_FALSE(names_tag(no, "\"a\"")) << no;
  EXPECT_TRUE(names_tag("\"a\"", "W/\"a\""));
}

TEST(etag, only_for_what_was_read) {
  HttpRequest request;
  request.method = "POST";
  request.headers = {{"if-none-match", "*"}};
  HttpAnswer answer{200, {{"ETag", "\"a\""}}, "body"};
  answer_conditionally(request, answer);
  EXPECT_EQ(answer.status, 200);
  request.method = "GET";
  answer_conditionally(request, answer);
  EXPECT_EQ(answer.status, 304);
  EXPECT_TRUE(answer.body.empty());
}

TEST(cors, origins) {
  const auto allowed = [](std::string_view origin, std::string_view origins) {
    HttpRequest request;
    request.headers = {{"origin", origin}};
    HttpAnswer answer;
    allow_origin(request, origins, answer);
    const std::string* header = answer.header("Access-Control-Allow-Origin");
    return header == nullptr ? "" : *header;
  };
  EXPECT_EQ(allowed("http://a", "*"), "*");
  EXPECT_EQ(allowed("http://a", "http://b, http://a"), "http://a");
  EXPECT_EQ(allowed("http://a.evil", "http://a"), "");
  EXPECT_EQ(allowed("", "*"), "");
}

TEST(cors, methods) {
  EXPECT_EQ(allowed_methods({"GET", "DELETE"}), "OPTIONS, GET, HEAD, DELETE");
}

}  // namespace
}  // namespace tenfold::gateway
