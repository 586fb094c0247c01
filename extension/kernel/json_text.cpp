#include "kernel/json_text.hpp"

#include <algorithm>
#include <charconv>

namespace tenfold {
namespace {

constexpr size_t longest_escape = 6;  // \u001f
constexpr size_t longest_integer = 20;

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\';
}

char* append_escape(char* out, char c) {
  constexpr std::string_view named = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
  *out++ = '\\';
  if (const size_t at = named.find(c); at != std::string_view::npos) {
    *out++ = names[at];
    return out;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(c);
  for (const char d : {'u', '0', '0', digits[code >> 4], digits[code & 15]}) *out++ = d;
  return out;
}

}  // namespace

void JsonText::grow(size_t bytes) {
  const size_t capacity = std::max(2 * capacity_, size_ + bytes);
  std::unique_ptr<char[]> text(new char[capacity]);
  std::memcpy(text.get(), text_.get(), size_);
  text_ = std::move(text);
  capacity_ = capacity;
}

void JsonText::string(std::string_view text) {
  char* out = room(longest_escape * text.size() + 2);
  *out++ = '"';
  for (const char c : text) {
    if (is_plain(c)) [[likely]]
      *out++ = c;
    else
      out = append_escape(out, c);
  }
  *out++ = '"';
  advance(out);
}

void JsonText::integer(int64_t number) {
  char* out = room(longest_integer);
  advance(std::to_chars(out, out + longest_integer, number).ptr);
}

}  // namespace tenfold
