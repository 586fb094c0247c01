#include "kernel/canonical_json.hpp"

#include <gtest/gtest.h>

namespace tenfold {
namespace {

std::string canonical(std::string_view json) {
  return canonical_json(json).value();
}

TEST(CanonicalJson, SortsMembersAtEveryDepth) {
  EXPECT_EQ(canonical(R"({"b": {"d": 1, "c": 2}, "a": [ ]})"), R"({"a":[],"b":{"c":2,"d":1}})");
}

TEST(CanonicalJson, KeepsTheOrderOfLists) {
  EXPECT_EQ(canonical("[3, 1, 2, [], {}]"), "[3,1,2,[],{}]");
}

TEST(CanonicalJson, WritesNumbersByValue) {
  for (const char* hundred : {"100", "100.0", "1e2", "1E+2", "10000e-2", "0.1e3"})
    EXPECT_EQ(canonical(hundred), "1e2") << hundred;
  for (const char* zero : {"0", "-0", "0.00", "0e7"}) EXPECT_EQ(canonical(zero), "0") << zero;
  EXPECT_EQ(canonical("-12.50"), "-125e-1");
  EXPECT_EQ(canonical("12345678901234567890123456789.5"), "123456789012345678901234567895e-1");
  EXPECT_NE(canonical("0.1"), canonical("0.10000000000000001"));
}

TEST(CanonicalJson, WritesStringsWithoutNeedlessEscapes) {
  EXPECT_EQ(canonical(R"("\u00e9\/\n")"), "\"é/\\n\"");
}

TEST(CanonicalJson, RefusesAMemberTwice) {
  const auto twice = canonical_json(R"({"a": {"b": 1, "b": 1}})");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::invalid_parameter);
  EXPECT_TRUE(canonical_json(R"([{"b": 1}, {"b": 1}])"));
}

TEST(CanonicalJson, RefusesWhatIsTooDeepOrTooLarge) {
  EXPECT_TRUE(canonical_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(canonical_json(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(canonical_json("1e400"));
}

}  // namespace
}  // namespace tenfold
