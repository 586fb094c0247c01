// JSON Schema (draft 2020-12, as OpenAPI 3.1 has it), compiled once and checked often.
//
// Known: type, enum, const, properties, required, additionalProperties, min/maxProperties, items,
// min/maxItems, uniqueItems, minimum, maximum, exclusiveMinimum/Maximum, min/maxLength, pattern, allOf,
// anyOf, oneOf, not, $ref to #/components/schemas/NAME. format and what describes (description, example …)
// checks nothing. A keyword that is neither is refused: it would be shown to clients and checked by nobody.
#pragma once

#include "kernel/wall.hpp"

#include <memory>
#include <optional>
#include <string>

#include "kernel/json_value.hpp"

namespace tenfold::json {

// Why a value is not as its schema wants it. `what` goes on after the name of the value: "must be a string,
// not null". No text of the value is shown: it may be a password.
struct Problem {
  std::string pointer = {};  // RFC 6901; "" is the whole value
  std::string what;
  std::string hint = {};
};

struct Node;

class Schema {
 public:
  // components: an object of what a $ref may name. Patterns are RE2's, which are linear in time: lookaround
  // and references back are refused.
  static Result<std::shared_ptr<const Schema>> compile(const Value& schema, const Value& components = {});

  std::optional<Problem> problem(const Value& value) const;

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace tenfold::json
