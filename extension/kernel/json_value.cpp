#include "kernel/json_value.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>

namespace tenfold::json {
namespace {

using Kind = Value::Kind;

Error wrong(std::string message, std::string hint) {
  return {Code::invalid_parameter, std::move(message), std::move(hint)};
}

Error malformed() {
  return wrong("is no JSON", "RFC 8259 says what is.");
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Sign, digits and exponent as a decimal without an exponent, without zeros that say nothing.
std::optional<std::string> decimal(bool is_negative, std::string whole, std::string fraction, int exponent) {
  if (std::ranges::count(whole + fraction, '0') == static_cast<long>(whole.size() + fraction.size()))
    return "0";
  if (exponent > most_digits || exponent < -most_digits) return std::nullopt;
  if (exponent > 0) fraction.resize(std::max(fraction.size(), static_cast<size_t>(exponent)), '0');
  if (exponent < 0) whole.insert(0, static_cast<size_t>(-exponent), '0');
  std::string digits = whole + fraction;
  const size_t point = whole.size() + static_cast<size_t>(exponent);
  whole = digits.substr(0, point);
  fraction = digits.substr(point);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (whole.size() + fraction.size() > most_digits) return std::nullopt;
  return (is_negative ? "-" : "") + whole + (fraction.empty() ? "" : "." + fraction);
}

void append_utf8(std::string& out, uint32_t c) {
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  const auto follow = [&](int shift) { put(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), follow(0);
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), follow(6), follow(0);
  } else {
    put(0xF0 | c >> 18), follow(12), follow(6), follow(0);
  }
}

// Recursive descent. `error_` is set where a function gives false.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Result<Value> read() {
    Value value;
    if (!value_at(value, 0)) return error_;
    skip_space();
    if (!rest_.empty()) return malformed();
    return value;
  }

 private:
  bool fail(Error error) {
    error_ = std::move(error);
    return false;
  }

  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool take_symbol(std::string_view symbol) {
    skip_space();
    return take(symbol);
  }

  bool value_at(Value& value, int depth) {
    if (depth > most_depth) return fail(wrong("nests too deep", "At most 200 levels."));
    skip_space();
    if (take("{")) return object_at(value, depth);
    if (take("[")) return array_at(value, depth);
    if (take("null")) return true;
    if (take("\"")) {
      value.kind = Kind::string;
      return string_at(value.text);
    }
    value.is_true = take("true");
    value.kind = value.is_true || take("false") ? Kind::boolean : Kind::number;
    return value.kind == Kind::boolean || number_at(value.text);
  }

  bool array_at(Value& value, int depth) {
    value.kind = Kind::array;
    if (take_symbol("]")) return true;
    do {
      if (!value_at(value.items.emplace_back(), depth + 1)) return false;
    } while (take_symbol(","));
    return take_symbol("]") || fail(malformed());
  }

  bool object_at(Value& value, int depth) {
    value.kind = Kind::object;
    if (take_symbol("}")) return true;
    std::set<std::string> seen;
    do {
      std::string& name = value.names.emplace_back();
      if (!take_symbol("\"")) return fail(malformed());
      if (!string_at(name)) return false;
      if (!take_symbol(":")) return fail(malformed());
      if (!seen.insert(name).second)
        return fail(wrong("has the member \"" + name.substr(0, 100) + "\" twice", "Leave out all but one."));
      if (!value_at(value.items.emplace_back(), depth + 1)) return false;
    } while (take_symbol(","));
    return take_symbol("}") || fail(malformed());
  }

  bool string_at(std::string& text) {
    while (true) {
      const size_t plain = rest_.find_first_of("\"\\");
      if (plain == std::string_view::npos) return fail(malformed());
      text.append(rest_.substr(0, plain));
      rest_.remove_prefix(plain);
      if (take("\"")) return true;
      rest_.remove_prefix(1);
      if (!escape_at(text)) return fail(malformed());
    }
  }

  bool escape_at(std::string& text) {
    constexpr std::string_view escapes = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (take("u")) return code_point_at(text);
    const size_t which = rest_.empty() ? std::string_view::npos : escapes.find(rest_.front());
    if (which == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    text += meanings[which];
    return true;
  }

  bool code_point_at(std::string& text) {
    auto c = hex_at();
    if (c && *c >= 0xD800 && *c < 0xDC00 && take("\\u")) {
      const auto low = hex_at();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      c = 0x10000 + (*c - 0xD800) * 0x400 + (*low - 0xDC00);
    }
    if (!c) return false;
    append_utf8(text, *c);
    return true;
  }

  std::optional<uint32_t> hex_at() {
    uint32_t value = 0;
    if (rest_.size() < 4) return std::nullopt;
    const auto [end, failure] = std::from_chars(rest_.data(), rest_.data() + 4, value, 16);
    if (failure != std::errc{} || end != rest_.data() + 4) return std::nullopt;
    rest_.remove_prefix(4);
    return value;
  }

  std::string digits_at() {
    const auto end = std::ranges::find_if_not(rest_, is_digit);
    std::string digits(rest_.begin(), end);
    rest_.remove_prefix(digits.size());
    return digits;
  }

  bool number_at(std::string& text) {
    const bool is_negative = take("-");
    const std::string whole = digits_at(), fraction = take(".") ? digits_at() : "";
    if (whole.empty()) return fail(malformed());
    int exponent = 0;
    if (take("e") || take("E")) {
      const bool is_small = take("-");
      if (!is_small) take("+");
      const std::string power = digits_at();
      if (power.empty()) return fail(malformed());
      const auto failure = std::from_chars(power.data(), power.data() + power.size(), exponent).ec;
      if (failure != std::errc{}) exponent = most_digits + 1;
      if (is_small) exponent = -exponent;
    }
    auto number = decimal(is_negative, whole, fraction, exponent);
    if (!number)
      return fail(wrong("has a number of more than 1,000 digits", "Write 1e400 as a text, if it is meant."));
    text = std::move(*number);
    return true;
  }

  std::string_view rest_;
  Error error_;
};

void append_sized(std::string& out, char kind, std::string_view text) {
  out += kind;
  out.append(std::to_string(text.size())).append(":").append(text);
}

void append_canonical(std::string& out, const Value& value) {
  switch (value.kind) {
    case Kind::null:
      out += 'n';
      return;
    case Kind::boolean:
      out += value.is_true ? 't' : 'f';
      return;
    case Kind::number:
      return append_sized(out, 'd', value.text);
    case Kind::string:
      return append_sized(out, 's', value.text);
    case Kind::array:
      out += '[';
      for (const Value& item : value.items) append_canonical(out, item);
      out += ']';
      return;
    case Kind::object:
      std::vector<size_t> order(value.names.size());
      for (size_t i = 0; i < order.size(); i++) order[i] = i;
      std::ranges::sort(order, {}, [&](size_t i) -> const std::string& { return value.names[i]; });
      out += '{';
      for (const size_t i : order)
        append_sized(out, 'm', value.names[i]), append_canonical(out, value.items[i]);
      out += '}';
  }
}

// Of numbers without a sign.
int compare_sizes(std::string_view a, std::string_view b) {
  const auto whole = [](std::string_view n) { return n.substr(0, n.find('.')); };
  if (whole(a).size() != whole(b).size()) return whole(a).size() < whole(b).size() ? -1 : 1;
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

const Value* Value::find(std::string_view name) const {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? nullptr : &items[static_cast<size_t>(found - names.begin())];
}

Result<Value> parse(std::string_view text) {
  return Reader(text).read();
}

int compare(std::string_view a, std::string_view b) {
  const bool a_is_negative = a.starts_with('-'), b_is_negative = b.starts_with('-');
  if (a_is_negative != b_is_negative) return a_is_negative ? -1 : 1;
  return a_is_negative ? compare_sizes(b.substr(1), a.substr(1)) : compare_sizes(a, b);
}

std::string canonical(const Value& value) {
  std::string text;
  append_canonical(text, value);
  return text;
}

}  // namespace tenfold::json
