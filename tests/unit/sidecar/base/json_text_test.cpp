#include "base/json_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace tenfold::sidecar {
namespace {

using nlohmann::json;

std::string written(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(json_text, utf8) {
  EXPECT_EQ(utf8_length(""), 0U);
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("é"), 2U);
  EXPECT_EQ(utf8_length("€"), 3U);
  EXPECT_EQ(utf8_length("𐍈"), 4U);
  // Overlong, surrogate, above U+10FFFF, cut off, a continuation alone.
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80",
                          "\xE2\x82", "\x80", "\xFF"})
    EXPECT_EQ(utf8_length(bad), 0U);
}

// The oracle is nlohmann's parser and its notion of UTF-8.
TEST(json_text, random_bytes_read_back) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; round++) {
    std::string bytes;
    for (unsigned i = random() % 12; i > 0; i--) bytes += static_cast<char>(random() % 256);
    const std::string by_other = json(bytes).dump(-1, ' ', false, json::error_handler_t::replace);
    const bool is_valid = json::accept(json(bytes).dump(-1, ' ', false, json::error_handler_t::ignore)) &&
                          json::parse(by_other).get<std::string>() == bytes;
    EXPECT_EQ(is_utf8(bytes), is_valid);
    const json back = json::parse(written(bytes));
    EXPECT_EQ(back.get<std::string>() == bytes, is_valid);
  }
}

TEST(json_text, object) {
  EXPECT_EQ(json_object({}), "{}");
  EXPECT_EQ(json_object({{"b", "2"}, {"a\"", "\xFF"}}), "{\"a\\\"\":\"\xEF\xBF\xBD\",\"b\":\"2\"}");
}

TEST(json_text, escapes) {
  EXPECT_EQ(written("a\"\\\n\x01/"), "\"a\\\"\\\\\\n\\u0001/\"");
  EXPECT_EQ(written("\xFFz"), "\"\xEF\xBF\xBDz\"");
}

TEST(json_text, texts_are_read_as_they_were_written) {
  const std::map<std::string, std::string> texts{{"a", "b \" c"}, {"é", ""}};
  EXPECT_EQ(texts_of_json(json_object(texts)), texts);
  EXPECT_TRUE(texts_of_json("{}").empty());
}

TEST(json_text, what_is_no_object_of_texts_has_a_reason) {
  for (const char* bad : {R"({"a": 1})", R"({"a": null})", R"({"a": {}})", "[]", "1", "null", "{", ""})
    EXPECT_THROW(texts_of_json(bad), std::invalid_argument) << bad;
}

}  // namespace
}  // namespace tenfold::sidecar
