#include "workers/gateway/route.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workers/gateway/call.hpp"

namespace tenfold::gateway {
namespace {

using nlohmann::json;

json row(const char* method, const char* path, json parameters = json::array()) {
  return {{"method", method},
          {"path", path},
          {"shape", "F"},
          {"function", "s.f"},
          {"parameters", std::move(parameters)},
          {"returns", "jsonb"},
          {"argument_types", {{"id", "bigint"}, {"text", "text"}, {"odd\"name", "integer"}}}};
}

json id_in_path() {
  return json::array({{{"name", "id"}, {"in", "path"}, {"pattern", "[0-9]{1,19}"}}});
}

Route made(const json& object) {
  auto route = parse_route(object.dump());
  EXPECT_TRUE(route);
  return *route;
}

RouteTable table() {
  return RouteTable({made(row("GET", "/hotels/:id", id_in_path())), made(row("GET", "/hotels/nearby")),
                     made(row("POST", "/hotels")), made(row("DELETE", "/hotels/:id", id_in_path())),
                     made(row("GET", "/hotels/:id/rooms", id_in_path()))});
}

std::string path_of(const Match& match) {
  return match.route == nullptr ? "none" : match.route->method + " " + match.route->path;
}

TEST(route, match) {
  const RouteTable routes = table();
  EXPECT_EQ(path_of(routes.match("GET", "/hotels/12")), "GET /hotels/:id");
  EXPECT_EQ(routes.match("GET", "/hotels/12").path_values, (Form{{"id", "12"}}));
  EXPECT_EQ(path_of(routes.match("HEAD", "/hotels/12")), "GET /hotels/:id");
  EXPECT_EQ(path_of(routes.match("DELETE", "/hotels/12")), "DELETE /hotels/:id");
  EXPECT_EQ(path_of(routes.match("GET", "/hotels/nearby")), "GET /hotels/nearby");
  EXPECT_EQ(path_of(routes.match("GET", "/hotels/%312/rooms")), "GET /hotels/:id/rooms");
}

TEST(route, no_match) {
  const RouteTable routes = table();
  for (const char* path :
       {"", "/", "hotels", "/hotels/", "/hotels/x", "/hotels/1%262", "/hotels/1/", "//hotels",
        "/hotels/1/rooms/2", "/Hotels", "/hotels/12345678901234567890", "/hotels/%"})
    EXPECT_TRUE(routes.match("GET", path).methods.empty()) << path;
  const Match other = routes.match("PUT", "/hotels/12");
  EXPECT_EQ(other.route, nullptr);
  EXPECT_EQ(other.methods.size(), 2U);
}

TEST(route, a_literal_is_stronger_wherever_it_stands) {
  const json text_in_path = json::array({{{"name", "text"}, {"in", "path"}}});
  const RouteTable routes({made(row("GET", "/a/:text", text_in_path)), made(row("GET", "/a/b"))});
  EXPECT_EQ(path_of(routes.match("GET", "/a/b")), "GET /a/b");
  EXPECT_EQ(path_of(routes.match("GET", "/a/c")), "GET /a/:text");
}

TEST(route, of_a_function_by_path_and_method) {
  const auto named = [](const char* name, json object) {
    object["name"] = name;
    return made(object);
  };
  // In the table "/z" stands before "/a/:id": it is more literal.
  const RouteTable routes({named("f", row("GET", "/z")), named("f", row("GET", "/a/:id", id_in_path())),
                           named("f", row("DELETE", "/a/:id", id_in_path())), named("g", row("GET", "/a"))});
  EXPECT_EQ(routes.find_function("f")->method + routes.find_function("f")->path, "DELETE/a/:id");
  EXPECT_EQ(routes.find_function("g")->path, "/a");
  EXPECT_EQ(routes.find_function("F"), nullptr);
  EXPECT_EQ(routes.find_function(""), nullptr);
}

TEST(route, rows_that_cannot_be_served) {
  json absent = row("GET", "/a");
  absent["function"] = nullptr;
  json shape = row("GET", "/a");
  shape["shape"] = "W";
  for (const json& bad :
       {absent, shape, row("GET", "/a/:id"), row("GET", "/a", id_in_path()),
        row("GET", "/a", json::array({{{"name", "unknown"}}})),
        row("GET", "/a", json::array({{{"name", "text"}, {"pattern", "("}}})), json("text")})
    EXPECT_FALSE(parse_route(bad.dump())) << bad;
  EXPECT_FALSE(parse_route("no json"));
}

TEST(route, results) {
  const auto returns = [](json changes) {
    json object = row("GET", "/a");
    object.update(changes);
    return made(object).returns;
  };
  EXPECT_EQ(returns(json::object()), Returns::json);
  EXPECT_EQ(returns({{"returns", "void"}}), Returns::nothing);
  EXPECT_EQ(returns({{"returns", "integer"}}), Returns::value);
  EXPECT_EQ(returns({{"returns_set", true}}), Returns::set);
  EXPECT_EQ(returns({{"returns", "text"}, {"media_type", "text/csv"}}), Returns::media);
}

TEST(call, takes_what_is_listed) {
  const Route route = made(row("GET", "/a/:id",
                               json::array({{{"name", "id"}, {"in", "path"}, {"pattern", "[0-9]+"}},
                                            {{"name", "text"}, {"pattern", "[a-z]+"}},
                                            {{"name", "odd\"name"}}})));
  auto taken = take_parameters(route, {{"id", "5"}}, "text=abc&id=6&other=1");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->values, (std::vector<std::string>{"5", "abc"}));
  EXPECT_EQ(taken->present, 3U);
  EXPECT_EQ(take_parameters(route, {{"id", "5"}}, "text=ABC").problem().status, 400);
  EXPECT_EQ(take_parameters(route, {{"id", "5"}}, "text=%").problem().status, 400);
  EXPECT_EQ(take_parameters(route, {}, "").problem().status, 400);
}

TEST(call, takes_a_form_with_nothing_else_in_it) {
  const Route route =
      made(row("GET", "/a/:id",
               json::array({{{"name", "id"}, {"in", "path"}, {"pattern", "[0-9]+"}}, {{"name", "text"}}})));
  auto taken = take_arguments(route, "text=a%26b&id=5");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->values, (std::vector<std::string>{"5", "a&b"}));
  EXPECT_EQ(take_arguments(route, "id=5&other=1").problem().code, "PGRST202");
  EXPECT_TRUE(take_arguments(route, "id=x"));  // as PostgREST, which knows no patterns: functions check
  EXPECT_EQ(take_arguments(route, "text=a").problem().code, "PGRST100");
  EXPECT_EQ(take_arguments(route, "id=%").problem().code, "PGRST100");
}

TEST(call, sql) {
  const Route route = made(row("GET", "/a", json::array({{{"name", "id"}}, {{"name", "odd\"name"}}})));
  EXPECT_TRUE(call_sql(route, 0).starts_with("SELECT s.f()::text, "));
  EXPECT_TRUE(call_sql(route, 2).starts_with("SELECT s.f(\"odd\"\"name\" => $1::integer)::text, "));
  EXPECT_TRUE(call_sql(route, 3).starts_with(
      "SELECT s.f(\"id\" => $1::bigint, \"odd\"\"name\" => $2::integer)::text"));
}

}  // namespace
}  // namespace tenfold::gateway
