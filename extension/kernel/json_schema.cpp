#include "kernel/json_schema.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_set>

namespace tenfold::json {

using Kind = Value::Kind;
using Size = std::optional<size_t>;

// One schema: what is not said allows everything.
struct Node {
  bool takes_nothing = false;  // the schema false
  std::set<std::string> types;
  std::optional<std::set<std::string>> choices;  // canonical texts
  std::string choices_text;
  std::optional<std::string> least, most, above, below;
  Size min_length, max_length, min_items, max_items, min_members, max_members;
  bool unique_items = false;
  std::unique_ptr<RE2> pattern;
  std::map<std::string, const Node*, std::less<>> properties;
  std::vector<std::string> required;
  const Node *additional = nullptr, *items = nullptr, *refused = nullptr, *reference = nullptr;
  std::vector<const Node*> all_of, any_of, one_of;
};

namespace {

struct Owner {
  std::deque<Node> nodes;
};

constexpr std::string_view component_path = "#/components/schemas/";

struct TypeName {
  std::string_view name, phrase;
};
constexpr std::array types{TypeName{"null", "null"},         TypeName{"boolean", "a boolean"},
                           TypeName{"number", "a number"},   TypeName{"string", "a string"},
                           TypeName{"array", "an array"},    TypeName{"object", "an object"},
                           TypeName{"integer", "an integer"}};

std::string phrase_of(std::string_view type) {
  return std::string(std::ranges::find(types, type, &TypeName::name)->phrase);
}

std::string short_of(const std::string& text) {
  return text.size() <= 100 ? text : text.substr(0, 100) + "...";
}

bool is_integer(const Value& value) {
  return value.kind == Kind::number && value.text.find('.') == std::string::npos;
}

// Turns a schema into nodes. Throws Failure: a schema that is none is rare, and met deep inside.
class Compiler {
 public:
  Compiler(Owner& owner, const Value& components) : owner_(owner), components_(components) {}

  const Node* node_of(const Value& schema) {
    Node& node = owner_.nodes.emplace_back();
    fill(node, schema);
    return &node;
  }

 private:
  using Read = void (Compiler::*)(Node&, const Value&);

  [[noreturn]] static void refuse(const std::string& what, const std::string& hint) {
    throw Failure{{Code::invalid_parameter, "the JSON Schema " + what, hint}};
  }

  static void want(bool is_right, std::string_view keyword, std::string_view hint) {
    if (!is_right) refuse("has a malformed \"" + std::string(keyword) + "\"", std::string(hint));
  }

  void fill(Node& node, const Value& schema) {
    if (schema.kind == Kind::boolean) {
      node.takes_nothing = !schema.is_true;
      return;
    }
    if (schema.kind != Kind::object) refuse("is no object", "A schema is an object, true or false.");
    for (size_t i = 0; i < schema.names.size(); i++) read(node, schema.names[i], schema.items[i]);
  }

  void read(Node& node, const std::string& keyword, const Value& value) {
    static const std::set<std::string, std::less<>> describes{
        "title",      "description", "example",   "examples", "default", "format",
        "deprecated", "readOnly",    "writeOnly", "$schema",  "$id",     "$comment"};
    static const std::map<std::string, Read, std::less<>> reads{{"type", &Compiler::read_type},
                                                                {"enum", &Compiler::read_enum},
                                                                {"const", &Compiler::read_const},
                                                                {"pattern", &Compiler::read_pattern},
                                                                {"properties", &Compiler::read_properties},
                                                                {"required", &Compiler::read_required},
                                                                {"uniqueItems", &Compiler::read_unique},
                                                                {"$ref", &Compiler::read_reference}};
    if (describes.contains(keyword)) return;
    if (const auto found = reads.find(keyword); found != reads.end())
      (this->*found->second)(node, value);
    else if (!read_schema(node, keyword, value) && !read_schemas(node, keyword, value) &&
             !read_size(node, keyword, value) && !read_bound(node, keyword, value))
      refuse("has the keyword \"" + short_of(keyword) + "\", which nobody checks",
             "Leave it out; extension/kernel/json_schema.hpp lists the known ones.");
  }

  bool read_schema(Node& node, std::string_view keyword, const Value& value) {
    static const std::map<std::string_view, const Node * Node::*> members{
        {"additionalProperties", &Node::additional}, {"items", &Node::items}, {"not", &Node::refused}};
    const auto found = members.find(keyword);
    if (found == members.end()) return false;
    node.*found->second = node_of(value);
    return true;
  }

  bool read_schemas(Node& node, std::string_view keyword, const Value& value) {
    static const std::map<std::string_view, std::vector<const Node*> Node::*> members{
        {"allOf", &Node::all_of}, {"anyOf", &Node::any_of}, {"oneOf", &Node::one_of}};
    const auto found = members.find(keyword);
    if (found == members.end()) return false;
    want(value.kind == Kind::array && !value.items.empty(), keyword, "It is an array of schemas.");
    for (const Value& one : value.items) (node.*found->second).push_back(node_of(one));
    return true;
  }

  bool read_size(Node& node, std::string_view keyword, const Value& value) {
    static const std::map<std::string_view, Size Node::*> members{
        {"minLength", &Node::min_length},      {"maxLength", &Node::max_length},
        {"minItems", &Node::min_items},        {"maxItems", &Node::max_items},
        {"minProperties", &Node::min_members}, {"maxProperties", &Node::max_members}};
    const auto found = members.find(keyword);
    if (found == members.end()) return false;
    want(is_integer(value) && !value.text.starts_with('-') && value.text.size() < 18, keyword,
         "It is an integer, not negative.");
    node.*found->second = std::stoull(value.text);
    return true;
  }

  bool read_bound(Node& node, std::string_view keyword, const Value& value) {
    static const std::map<std::string_view, std::optional<std::string> Node::*> members{
        {"minimum", &Node::least},
        {"maximum", &Node::most},
        {"exclusiveMinimum", &Node::above},
        {"exclusiveMaximum", &Node::below}};
    const auto found = members.find(keyword);
    if (found == members.end()) return false;
    want(value.kind == Kind::number, keyword, "It is a number.");
    node.*found->second = value.text;
    return true;
  }

  void read_type(Node& node, const Value& value) {
    const auto add = [&](const Value& name) {
      const bool is_known =
          name.kind == Kind::string && std::ranges::count(types, name.text, &TypeName::name) == 1;
      want(is_known, "type",
           "It is one of null, boolean, number, integer, string, array, object, or an array of them.");
      node.types.insert(name.text);
    };
    if (value.kind == Kind::array)
      std::ranges::for_each(value.items, add);
    else
      add(value);
  }

  void choose(Node& node, const Value& choice) {
    node.choices_text += (node.choices_text.empty() ? "" : ", ") + text_of(choice);
    if (node.choices) node.choices->insert(canonical(choice));
  }

  static std::string text_of(const Value& choice) {
    switch (choice.kind) {
      case Kind::null:
        return "null";
      case Kind::boolean:
        return choice.is_true ? "true" : "false";
      case Kind::string:
        return '"' + choice.text + '"';
      case Kind::number:
        return choice.text;
      default:
        return choice.kind == Kind::array ? "[...]" : "{...}";
    }
  }

  // enum and const may stand side by side, and both count.
  Node& chooser(Node& node) {
    Node& chosen = node.choices ? owner_.nodes.emplace_back() : node;
    if (&chosen != &node) node.all_of.push_back(&chosen);
    chosen.choices.emplace();
    return chosen;
  }

  void read_enum(Node& node, const Value& value) {
    want(value.kind == Kind::array, "enum", "It is an array of values.");
    Node& chosen = chooser(node);
    for (const Value& choice : value.items) choose(chosen, choice);
  }

  void read_const(Node& node, const Value& value) { choose(chooser(node), value); }

  void read_pattern(Node& node, const Value& value) {
    want(value.kind == Kind::string, "pattern", "It is a regular expression as a string.");
    RE2::Options options;
    options.set_log_errors(false);
    node.pattern = std::make_unique<RE2>(value.text, options);
    if (!node.pattern->ok())
      refuse(
          "has the pattern " + short_of(value.text) + ", which RE2 does not take: " + node.pattern->error(),
          "Lookaround and references back are not there: what they match may take for ever.");
  }

  void read_properties(Node& node, const Value& value) {
    want(value.kind == Kind::object, "properties", "It is an object of schemas.");
    for (size_t i = 0; i < value.names.size(); i++) node.properties[value.names[i]] = node_of(value.items[i]);
  }

  void read_required(Node& node, const Value& value) {
    want(value.kind == Kind::array &&
             std::ranges::all_of(value.items, [](const Value& v) { return v.kind == Kind::string; }),
         "required", "It is an array of names.");
    for (const Value& name : value.items) node.required.push_back(name.text);
  }

  void read_unique(Node& node, const Value& value) {
    want(value.kind == Kind::boolean, "uniqueItems", "It is true or false.");
    node.unique_items = value.is_true;
  }

  void read_reference(Node& node, const Value& value) {
    want(value.kind == Kind::string && value.text.starts_with(component_path), "$ref",
         "It is #/components/schemas/NAME, a row of tenfold.api_schema.");
    const std::string name = value.text.substr(component_path.size());
    const Value* component = components_.find(name);
    if (component == nullptr)
      refuse("names " + short_of(value.text) + ", which does not exist",
             "Add the row to tenfold.api_schema.");
    const auto [known, is_new] = named_.try_emplace(name, nullptr);
    if (is_new) {
      Node& target = owner_.nodes.emplace_back();
      known->second = &target;
      fill(target, *component);
    }
    node.reference = known->second;
  }

  Owner& owner_;
  const Value& components_;
  std::map<std::string, const Node*> named_;
};

std::string pointer_step(std::string_view name) {
  std::string step = "/";
  for (const char c : name) step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return step;
}

size_t characters(std::string_view utf8) {
  return static_cast<size_t>(std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string counted(size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

using Found = std::optional<Problem>;

Found at(std::string_view name, Found found) {
  if (found) found->pointer.insert(0, pointer_step(name));
  return found;
}

// Checks one value. What takes too many steps is refused: schemas that name themselves can multiply.
class Checker {
 public:
  Found check(const Node& node, const Value& value) {
    if (--steps_ < 0) return too_long();
    if (depth_ >= 5 * most_depth) return Problem{"", "nests too deep", "At most 200 levels."};
    depth_++;
    Found found = check_here(node, value);
    depth_--;
    return steps_ < 0 ? too_long() : found;
  }

 private:
  static Problem too_long() { return {"", "takes too many steps to check", "Send less at a time."}; }

  Found check_here(const Node& node, const Value& value) {
    if (node.takes_nothing) return Problem{"", "must not be there"};
    for (const auto& check_one :
         {&Checker::check_type, &Checker::check_choice, &Checker::check_kind, &Checker::check_others})
      if (Found found = (this->*check_one)(node, value)) return found;
    return std::nullopt;
  }

  Found check_type(const Node& node, const Value& value) {
    const std::string name(types[static_cast<size_t>(value.kind)].name);
    if (node.types.empty() || node.types.contains(name) ||
        (is_integer(value) && node.types.contains("integer")))
      return std::nullopt;
    std::string wanted;
    for (const std::string& type : node.types) wanted += (wanted.empty() ? "" : " or ") + phrase_of(type);
    return Problem{"", "must be " + wanted + ", not " +
                           (value.kind == Kind::number ? short_of(value.text) : phrase_of(name))};
  }

  Found check_choice(const Node& node, const Value& value) {
    if (!node.choices || node.choices->contains(canonical(value))) return std::nullopt;
    return Problem{"",
                   node.choices->size() == 1 ? "must be " + node.choices_text : "is not one of those allowed",
                   "Allowed: " + node.choices_text};
  }

  Found check_kind(const Node& node, const Value& value) {
    switch (value.kind) {
      case Kind::number:
        return check_number(node, value.text);
      case Kind::string:
        return check_string(node, value.text);
      case Kind::array:
        return check_array(node, value);
      case Kind::object:
        return check_object(node, value);
      default:
        return std::nullopt;
    }
  }

  static Found check_number(const Node& node, const std::string& number) {
    const auto refuse = [&](std::string_view bound, const std::string& limit) {
      return Problem{"", "must be " + std::string(bound) + " " + limit + ", not " + short_of(number)};
    };
    if (node.least && compare(number, *node.least) < 0) return refuse("at least", *node.least);
    if (node.most && compare(number, *node.most) > 0) return refuse("at most", *node.most);
    if (node.above && compare(number, *node.above) <= 0) return refuse("above", *node.above);
    if (node.below && compare(number, *node.below) >= 0) return refuse("below", *node.below);
    return std::nullopt;
  }

  static Found check_size(size_t size, Size least, Size most, std::string_view one, std::string_view many) {
    if (least && size < *least)
      return Problem{"",
                     "must have at least " + counted(*least, one, many) + ", not " + std::to_string(size)};
    if (most && size > *most)
      return Problem{"", "must have at most " + counted(*most, one, many) + ", not " + std::to_string(size)};
    return std::nullopt;
  }

  static Found check_string(const Node& node, const std::string& text) {
    if (Found found =
            check_size(characters(text), node.min_length, node.max_length, "character", "characters"))
      return found;
    if (node.pattern && !RE2::PartialMatch(text, *node.pattern))
      return Problem{"", "must match " + short_of(node.pattern->pattern())};
    return std::nullopt;
  }

  Found check_array(const Node& node, const Value& value) {
    if (Found found = check_size(value.items.size(), node.min_items, node.max_items, "element", "elements"))
      return found;
    std::unordered_set<std::string> seen;
    for (size_t i = 0; i < value.items.size(); i++) {
      if (node.unique_items && !seen.insert(canonical(value.items[i])).second)
        return Problem{pointer_step(std::to_string(i)), "was there before", "Leave it out."};
      if (node.items == nullptr) continue;
      if (Found found = check(*node.items, value.items[i])) return at(std::to_string(i), std::move(found));
    }
    return std::nullopt;
  }

  Found check_object(const Node& node, const Value& value) {
    if (Found found = check_size(value.names.size(), node.min_members, node.max_members, "member", "members"))
      return found;
    for (size_t i = 0; i < value.names.size(); i++)
      if (Found found = check_member(node, value.names[i], value.items[i])) return found;
    for (const std::string& name : node.required)
      if (value.find(name) == nullptr) return Problem{"", "lacks \"" + name + "\""};
    return std::nullopt;
  }

  Found check_member(const Node& node, const std::string& name, const Value& value) {
    const auto known = node.properties.find(name);
    if (known != node.properties.end()) return at(name, check(*known->second, value));
    if (node.additional == nullptr) return std::nullopt;
    if (!node.additional->takes_nothing) return at(name, check(*node.additional, value));
    std::string names;
    for (const auto& [one, unused] : node.properties) names += (names.empty() ? "" : ", ") + one;
    return Problem{"", "has an unknown member \"" + short_of(name) + "\"",
                   names.empty() ? "It has none." : "Known are: " + names};
  }

  Found check_others(const Node& node, const Value& value) {
    if (node.reference != nullptr)
      if (Found found = check(*node.reference, value)) return found;
    for (const Node* one : node.all_of)
      if (Found found = check(*one, value)) return found;
    if (node.refused != nullptr && !check(*node.refused, value)) return Problem{"", "is what it must not be"};
    if (Found found = check_alternatives(node.any_of, value, false)) return found;
    return check_alternatives(node.one_of, value, true);
  }

  Found check_alternatives(const std::vector<const Node*>& alternatives, const Value& value, bool only_one) {
    size_t fit = 0;
    std::string reasons;
    for (const Node* one : alternatives) {
      if (fit == 1 && !only_one) return std::nullopt;
      const Found found = check(*one, value);
      if (!found)
        fit++;
      else if (reasons.size() < 300)
        reasons += (reasons.empty() ? "" : "; or it ") +
                   (found->pointer.empty() ? "" : "has " + found->pointer + ", which ") + found->what;
    }
    if (alternatives.empty() || fit == 1 || (fit > 0 && !only_one)) return std::nullopt;
    if (fit > 1)
      return Problem{"", "fits " + std::to_string(fit) + " of the alternatives", "It must fit one."};
    return Problem{"", "fits none of the alternatives: it " + reasons};
  }

  int steps_ = 1'000'000, depth_ = 0;
};

}  // namespace

Result<std::shared_ptr<const Schema>> Schema::compile(const Value& schema, const Value& components) {
  try {
    const auto owner = std::make_shared<Owner>();
    const Node* root = Compiler(*owner, components).node_of(schema);
    auto compiled = std::make_shared<Schema>();
    compiled->root_ = std::shared_ptr<const Node>(owner, root);
    return std::shared_ptr<const Schema>(std::move(compiled));
  } catch (const Failure& failure) {
    return failure.error;
  }
}

std::optional<Problem> Schema::problem(const Value& value) const {
  return Checker().check(*root_, value);
}

}  // namespace tenfold::json
