// How long a cached function's answer is kept, and under which tags: the first line of its body.
//
//   -- keep 300 s; tags hotel, hotel:{country}; link next
//
// {country} stands for the value of that argument; nothing where it is NULL. `link next`: of an answer that
// is a page, {"next" : "CURSOR", …}, the header Link leads to the next.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold {

struct CacheRecipe {
  struct Tag {
    std::string text;
    int argument = -1;  // whose value comes after the text, from 0
  };

  static constexpr size_t most_tags = 4;
  static constexpr int32_t longest = 31'536'000;  // a year

  int32_t seconds = 0;
  std::vector<Tag> tags;
  bool links_next = false;
};

// Arguments: their names, in order; one without a name is empty.
Result<CacheRecipe> parse_recipe(std::string_view body, std::span<const std::string> arguments);

}  // namespace tenfold
