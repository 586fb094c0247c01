#include "events/key_lines.hpp"

#include <gtest/gtest.h>

namespace tenfold::sidecar {
namespace {

TEST(KeyLines, OneKeyIsOneLineInOrder) {
  KeyLines lines;
  for (const char* key : {"a", "b", "a", "a"}) lines.add({"t", key});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines.line(0), (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(lines.line(1), (std::vector<size_t>{1}));
}

TEST(KeyLines, WithoutKeyEachIsALine) {
  KeyLines lines;
  for (int i = 0; i < 3; i++) lines.add({"t", ""});
  EXPECT_EQ(lines.size(), 3u);
}

TEST(KeyLines, OneKeyInTwoTopicsIsTwoLines) {
  KeyLines lines;
  lines.add({"t", "a"});
  lines.add({"u", "a"});
  EXPECT_EQ(lines.size(), 2u);
}

TEST(KeyLines, WhatFollowsAFailureStaysBehindIt) {
  KeyLines lines;
  for (const char* key : {"a", "b", "a", "b", "a"}) lines.add({"t", key});
  lines.stop_at(2);
  for (const size_t before : {0, 1, 2, 3}) EXPECT_FALSE(lines.is_behind(before)) << before;
  EXPECT_TRUE(lines.is_behind(4));
  lines.stop_at(0);  // an effect of an earlier one was refused
  EXPECT_TRUE(lines.is_behind(2));
  EXPECT_TRUE(lines.is_behind(4));
}

}  // namespace
}  // namespace tenfold::sidecar
