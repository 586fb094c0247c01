// JSON as plain values, with numbers as they were written: a double would round them.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::json {

struct Value {
  enum class Kind { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  bool is_true = false;
  std::string text = {};                // of a string, in UTF-8; of a number: see decimal()
  std::vector<Value> items = {};        // of an array; of an object the values of its members
  std::vector<std::string> names = {};  // of an object

  const Value* find(std::string_view name) const;  // nullptr: no such member
};

constexpr int most_depth = 200, most_digits = 1000;

// The value of a JSON text in UTF-8. Error: a name that an object has twice, more than most_depth levels, a
// number of more than most_digits digits, what is no JSON.
Result<Value> parse(std::string_view text);

// -1, 0, 1. Both are the texts of numbers of a Value: a sign if negative, digits, and after a point those of
// a fraction that is not zero.
int compare(std::string_view a, std::string_view b);

// Equal values, and no others, have equal texts: 1.0 is 1, and members have no order.
std::string canonical(const Value& value);

}  // namespace tenfold::json
