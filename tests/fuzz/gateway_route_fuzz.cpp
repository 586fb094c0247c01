// Any method and path: the table finds a route exactly where one fits by hand-written rules, and the most
// literal.
#include <cstdlib>
#include <functional>
#include <string>

#include "workers/gateway/route.hpp"

using namespace tenfold::gateway;

namespace {

// A rule of one segment: a literal, or a parameter's pattern as a predicate on the decoded value.
struct Rule {
  std::string literal;
  std::function<bool(std::string_view)> fits = {};
};

struct Row {
  std::string method, path;
  std::vector<Rule> rules;
};

bool consists_of(std::string_view text, size_t least, size_t most, std::string_view letters) {
  return text.size() >= least && text.size() <= most &&
         text.find_first_not_of(letters) == std::string_view::npos;
}

bool is_number(std::string_view text) {
  return consists_of(text, 1, 19, "0123456789");
}

bool is_flight(std::string_view text) {
  return consists_of(text, 2, 20, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); i++) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !consists_of(text.substr(i, 1), 1, 1, "0123456789abcdef")) return false;
  }
  return true;
}

// The more literal ones first, as the table sorts them.
const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"GET", "/hotels/nearby", {{"hotels"}, {"nearby"}}},
      {"GET", "/hotels/:number", {{"hotels"}, {"", is_number}}},
      {"DELETE", "/hotels/:number", {{"hotels"}, {"", is_number}}},
      {"GET", "/flights/:flight", {{"flights"}, {"", is_flight}}},
      {"GET", "/files/:uuid/share", {{"files"}, {"", is_uuid}, {"share"}}},
      {"POST", "/flights/:flight/:number", {{"flights"}, {"", is_flight}, {"", is_number}}},
      {"GET", "/:flight", {{"", is_flight}}},
  };
  return all;
}

Route route_of(const Row& row) {
  std::string parameters;
  for (const auto& [name, pattern] : {std::pair{"number", "[0-9]{1,19}"},
                                      {"flight", "[A-Za-z0-9-]{2,20}"},
                                      {"uuid", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}}) {
    if (row.path.find(std::string(":") + name) == std::string::npos) continue;
    parameters += parameters.empty() ? "" : ",";
    parameters += std::string(R"({"name":")") + name + R"(","in":"path","pattern":")" + pattern + "\"}";
  }
  return parse_route(R"({"method":")" + row.method + R"(","path":")" + row.path +
                     R"(","shape":"F","function":"s.f","parameters":[)" + parameters +
                     R"(],"argument_types":{"number":"bigint","flight":"text","uuid":"uuid"}})")
      .value();
}

const RouteTable& table() {
  static const RouteTable made = [] {
    std::vector<Route> routes;
    for (auto row = rows().rbegin(); row != rows().rend(); row++) routes.push_back(route_of(*row));
    return RouteTable(std::move(routes));
  }();
  return made;
}

int digit(char c) {
  const size_t at = std::string_view("0123456789abcdefABCDEF").find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at < 16 ? at : at - 6);
}

// What a segment means; "" where it is malformed. (No pattern here takes more than ASCII.)
std::string meaning(std::string_view segment) {
  std::string out;
  for (size_t i = 0; i < segment.size(); i++) {
    if (segment[i] != '%') {
      out += segment[i];
      continue;
    }
    if (segment.size() - i < 3 || digit(segment[i + 1]) < 0 || digit(segment[i + 2]) < 0) return "";
    out += static_cast<char>(digit(segment[i + 1]) * 16 + digit(segment[i + 2]));
    i += 2;
  }
  return out;
}

// The values of the row's parameters in the path, or nothing where it does not fit.
std::optional<std::vector<std::string>> fit(const Row& row, std::string_view path) {
  std::vector<std::string> values;
  for (const Rule& rule : row.rules) {
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (!rule.fits) {
      if (segment != rule.literal) return std::nullopt;
      continue;
    }
    values.push_back(meaning(segment));
    if (!rule.fits(values.back())) return std::nullopt;
  }
  if (!path.empty()) return std::nullopt;
  return values;
}

void check(bool holds) {
  if (!holds) std::abort();
}

// Bytes alone would hardly ever make a path of the table: each stands for a piece, or for itself.
std::string path_of(const uint8_t* data, size_t size) {
  constexpr std::string_view pieces[] = {
      "/",       "/hotels", "/flights", "/files", "/share",
      "/nearby", "0",       "12",       "AI-101", "%3",
      "%2f",     "%26",     "%00",      "%",      "0b8f4c1e-5a77-4c1e-9d3f-0123456789ab"};
  std::string path;
  for (size_t i = 0; i < size; i++) {
    if (data[i] < 128)
      path += static_cast<char>(data[i]);
    else
      path += pieces[data[i] % std::size(pieces)];
  }
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr std::string_view methods[] = {"GET", "HEAD", "POST", "DELETE", "PUT"};
  const std::string_view method = methods[data[0] % std::size(methods)];
  const std::string path = path_of(data + 1, size - 1);
  const Match match = table().match(method, path);

  const Row* expected = nullptr;
  std::vector<std::string> values;
  size_t fitting = 0;
  for (const Row& row : rows()) {
    auto found = fit(row, path);
    if (!found) continue;
    fitting++;
    if (expected != nullptr || row.method != (method == "HEAD" ? "GET" : method)) continue;
    expected = &row;
    values = std::move(*found);
  }
  check(match.methods.size() == fitting);
  check((match.route == nullptr) == (expected == nullptr));
  if (expected == nullptr) return 0;
  check(match.route->method == expected->method && match.route->path == expected->path);
  check(match.path_values.size() == values.size());
  for (size_t i = 0; i < values.size(); i++) check(match.path_values[i].second == values[i]);
  return 0;
}
