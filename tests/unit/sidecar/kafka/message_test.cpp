#include "kafka/message.hpp"

#include <gtest/gtest.h>

namespace tenfold::sidecar {
namespace {

using namespace std::string_view_literals;

TEST(Poison, TextIsNone) {
  EXPECT_FALSE(poison("k", R"({"a": "é😀"})", {{"h", "x"}}));
  EXPECT_FALSE(poison(std::nullopt, std::nullopt, {}));
  EXPECT_FALSE(poison("", "", {{"h", ""}}));
}

TEST(Poison, NamesWhatIsNoText) {
  EXPECT_EQ(poison("\xff", "{}", {}), "the key is not UTF-8");
  EXPECT_EQ(poison("k", "{\"a\": \"\xc3\"}", {}), "the payload is not UTF-8");
  EXPECT_EQ(poison("k", "a\0b"sv, {}), "the payload is not UTF-8");
  EXPECT_EQ(poison("k", "{}", {{"h", "\xed\xa0\x80"}}), "a header is not UTF-8");
  EXPECT_EQ(poison("k", "{}", {{"\xff", "x"}}), "a header is not UTF-8");
}

TEST(Headers, AreTexts) {
  using Texts = std::map<std::string, std::string>;
  EXPECT_EQ(texts_of({}), Texts{});
  EXPECT_EQ(texts_of({{"b", "1"}, {"a", "\"\n"}, {"b", "2"}}), (Texts{{"a", "\"\n"}, {"b", "2"}}));
  EXPECT_EQ(texts_of({{"h", "\xff"}}), (Texts{{"h", "\uFFFD"}}));
}

TEST(KafkaEvent, IsNamedByItsPlace) {
  const auto [event, why] = kafka_event(kafka_id("t", 2, 40), "t", "k", R"({"n": 1.50})", {{"h", "x"}});
  EXPECT_FALSE(why);
  EXPECT_EQ(event.source, Event::Source::kafka);
  EXPECT_EQ(event.id, "t/2/40");
  EXPECT_EQ(event.topic, "t");
  EXPECT_EQ(event.key, "k");
  EXPECT_EQ(event.payload, R"({"n": 1.50})");
  EXPECT_EQ(event.headers, (std::map<std::string, std::string>{{"h", "x"}}));
}

TEST(KafkaEvent, ATombstoneHasNoPayload) {
  for (const auto payload : {std::optional<std::string_view>(), std::optional<std::string_view>("")}) {
    const auto [event, why] = kafka_event("t/0/0", "t", "k", payload, {});
    EXPECT_FALSE(why);
    EXPECT_EQ(event.payload, "");
  }
}

TEST(KafkaEvent, WhatIsNoJsonReachesNoHandler) {
  for (const std::string_view payload : {" ", "{", "word", "{} {}"})
    EXPECT_EQ(kafka_event("t/0/0", "t", "k", payload, {}).poison, "the payload is not JSON") << payload;
  const auto [event, why] = kafka_event("t/0/0", "t", "\xff", "\xfe", {});
  EXPECT_EQ(why, "the key is not UTF-8");
  EXPECT_EQ(event.key + event.payload, "\xff\xfe");
}

}  // namespace
}  // namespace tenfold::sidecar
