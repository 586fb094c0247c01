#include "kernel/cache_recipe.hpp"

#include <gtest/gtest.h>

namespace tenfold {
namespace {

const std::vector<std::string> arguments = {"country", "", "city"};

Result<CacheRecipe> parse(std::string_view body) {
  return parse_recipe(body, arguments);
}

TEST(cache_recipe, says_how_long_and_under_which_tags) {
  const auto recipe = parse("\n  -- keep 300 s; tags hotel, hotel:{country},{city}; link next\n  SELECT 1");
  ASSERT_TRUE(recipe);
  EXPECT_EQ(recipe->seconds, 300);
  EXPECT_TRUE(recipe->links_next);
  ASSERT_EQ(recipe->tags.size(), 3U);
  EXPECT_EQ(recipe->tags[0].text, "hotel");
  EXPECT_EQ(recipe->tags[0].argument, -1);
  EXPECT_EQ(recipe->tags[1].text, "hotel:");
  EXPECT_EQ(recipe->tags[1].argument, 0);
  EXPECT_EQ(recipe->tags[2].text, "");
  EXPECT_EQ(recipe->tags[2].argument, 2);
}

TEST(cache_recipe, tags_are_optional) {
  const auto recipe = parse("--keep 0 s\nSELECT 1");
  ASSERT_TRUE(recipe);
  EXPECT_EQ(recipe->seconds, 0);
  EXPECT_TRUE(recipe->tags.empty());
  EXPECT_FALSE(recipe->links_next);
}

class Refused : public testing::TestWithParam<const char*> {};

TEST_P(Refused, is_an_error_with_a_hint) {
  const auto recipe = parse(GetParam());
  ASSERT_FALSE(recipe);
  EXPECT_EQ(recipe.error().code, Code::invalid_parameter);
  EXPECT_FALSE(recipe.error().hint.empty());
}

INSTANTIATE_TEST_SUITE_P(cache_recipe, Refused,
                         testing::Values("", "SELECT 1", "-- kept 300 s\nSELECT 1", "SELECT 1 -- keep 300 s",
                                         "-- keep", "-- keep -1 s", "-- keep 300", "-- keep 300 min",
                                         "-- keep 31536001 s", "-- keep 99999999999999999999 s",
                                         "-- keep 1 s; tags a,,b", "-- keep 1 s; tags a{nobody}",
                                         "-- keep 1 s; tags a{}", "-- keep 1 s; tags a{country}b",
                                         "-- keep 1 s; tags a{country", "-- keep 1 s; tags a,b,c,d,e",
                                         "-- keep 1 s; whatever"));

}  // namespace
}  // namespace tenfold
