#include "kernel/json_schema.hpp"

#include <gtest/gtest.h>

namespace json = tenfold::json;

namespace {

json::Value value(std::string_view text) {
  return json::parse(text).value();
}

// Where and why, or "" where it fits.
std::string problem(std::string_view schema, std::string_view body) {
  const auto compiled = json::Schema::compile(value(schema)).value();
  const auto found = compiled->problem(value(body));
  return found ? found->pointer + " " + found->what : "";
}

TEST(JsonValue, NumbersAreDecimals) {
  for (const auto& [text, decimal] : {std::pair{"0", "0"},
                                      {"-0.0e5", "0"},
                                      {"1.0", "1"},
                                      {"1.50", "1.5"},
                                      {"-12e-1", "-1.2"},
                                      {"1.25e1", "12.5"},
                                      {"1.25e2", "125"},
                                      {"1E3", "1000"},
                                      {"123e-5", "0.00123"},
                                      {"0.001e3", "1"},
                                      {"9007199254740993", "9007199254740993"},
                                      {"10", "10"}})
    EXPECT_EQ(value(text).text, decimal) << text;
  EXPECT_EQ(value("1e999").text.size(), 1000U);
  for (const char* text : {"1e1000", "1e-1001", "1e99999999999999999999", "1e-99999999999999999999"})
    EXPECT_FALSE(json::parse(text)) << text;
}

TEST(JsonValue, NumbersAreComparedExactly) {
  const char* ordered[] = {
      "-10.5",           "-10", "-9.99", "-0.1", "0", "0.05", "0.5", "0.51", "9", "10", "9007199254740992",
      "9007199254740993"};
  for (size_t i = 0; i < std::size(ordered); i++)
    for (size_t k = 0; k < std::size(ordered); k++)
      EXPECT_EQ(json::compare(ordered[i], ordered[k]), (i > k) - (i < k)) << ordered[i] << " " << ordered[k];
}

TEST(JsonValue, TextsAreUnescaped) {
  EXPECT_EQ(value(R"("\u0041\u00e9\u20ac\ud83d\ude00\n\"\\\/")").text, "Aé€😀\n\"\\/");
}

TEST(JsonValue, RefusesWhatIsNoJson) {
  for (const char* text :
       {"", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "\"a", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\\u0041\"", "1 2", "-", "1.e", "1e", "nul", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}"})
    EXPECT_FALSE(json::parse(text)) << text;
  EXPECT_TRUE(json::parse(std::string(200, '[') + std::string(200, ']')));
  EXPECT_FALSE(json::parse(std::string(100'000, '[')));
}

TEST(JsonValue, EqualValuesHaveEqualTexts) {
  EXPECT_EQ(json::canonical(value(R"({"a": 1.0, "b": [true, null]})")),
            json::canonical(value(R"({"b": [true, null], "a": 1})")));
  EXPECT_NE(json::canonical(value(R"(["1"])")), json::canonical(value("[1]")));
  EXPECT_NE(json::canonical(value(R"(["a", "b"])")), json::canonical(value(R"(["as1:b"])")));
}

TEST(JsonSchema, TellsWhere) {
  EXPECT_EQ(problem(R"({"properties": {"a": {"items": {"properties": {"b/~": {"maximum": 1}}}}}})",
                    R"({"a": [{}, {"b/~": 2}]})"),
            "/a/1/b~1~0 must be at most 1, not 2");
}

TEST(JsonSchema, TakesEnumAndConstTogether) {
  EXPECT_EQ(problem(R"({"const": 1, "enum": [1, 2]})", "1"), "");
  EXPECT_NE(problem(R"({"const": 1, "enum": [2]})", "1"), "");
  EXPECT_NE(problem(R"({"enum": [null], "const": []})", "[]"), "");
}

TEST(JsonSchema, ShowsNoTextOfTheValue) {
  EXPECT_EQ(problem(R"({"properties": {"password": {"type": "string", "minLength": 8}}})",
                    R"({"password": "secret"})"),
            "/password must have at least 8 characters, not 6");
  for (const char* schema : {R"({"pattern": "^[0-9]+$"})", R"({"enum": ["a"]})", R"({"type": "object"})",
                             R"({"oneOf": [{"const": 1}, {"maxLength": 1}]})"})
    EXPECT_EQ(problem(schema, "\"secret\"").find("secret"), std::string::npos) << schema;
}

TEST(JsonSchema, ChecksLongTextsInLinearTime) {
  const std::string text(1'000'000, 'a');
  EXPECT_EQ(problem(R"({"pattern": "^(a+)+$"})", '"' + text + '"'), "");
  EXPECT_NE(problem(R"({"pattern": "^(a+)+$"})", '"' + text + "b\""), "");
}

TEST(JsonSchema, EndsWhereSchemasNameThemselves) {
  const auto components = value(R"({"A": {"$ref": "#/components/schemas/A"},
    "B": {"items": {"anyOf": [{"$ref": "#/components/schemas/B"}, {"$ref": "#/components/schemas/B"}]}, "maxItems": 1}})");
  const auto loop = json::Schema::compile(value(R"({"$ref": "#/components/schemas/A"})"), components).value();
  EXPECT_TRUE(loop->problem(value("1")));
  const auto doubling =
      json::Schema::compile(value(R"({"$ref": "#/components/schemas/B"})"), components).value();
  EXPECT_TRUE(doubling->problem(value(std::string(100, '[') + "1,1" + std::string(100, ']'))));
}

TEST(JsonSchema, RefusesWhatNobodyWouldCheck) {
  for (const char* schema : {R"({"if": true})", R"({"multipleOf": 2})", R"({"items": {"contains": true}})",
                             R"({"pattern": "(?<=a)b"})", "[]", R"({"type": "text"})", R"({"required": [1]})",
                             R"({"$ref": "#/components/schemas/None"})"})
    EXPECT_FALSE(json::Schema::compile(value(schema))) << schema;
}

}  // namespace
