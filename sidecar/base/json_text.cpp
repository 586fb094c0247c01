#include "base/json_text.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tenfold::sidecar {
namespace {

unsigned byte_at(std::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool continues(std::string_view text, size_t count) {
  if (text.size() <= count) return false;
  for (size_t i = 1; i <= count; i++)
    if ((byte_at(text, i) & 0xC0U) != 0x80U) return false;
  return true;
}

void append_escaped(std::string& out, unsigned char c) {
  constexpr char digits[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += "\\u00";
      out += digits[c >> 4U];
      out += digits[c & 15U];
  }
}

}  // namespace

size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return continues(text, 1) ? 2 : 0;
  if (first < 0xF0) {
    if (!continues(text, 2)) return 0;
    const unsigned second = byte_at(text, 1);
    const bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first > 0xF4 || !continues(text, 3)) return 0;
  const unsigned second = byte_at(text, 1);
  return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90) ? 0 : 4;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    size_t length = 1;
    if (c < 0x20 || c == '"' || c == '\\')
      append_escaped(out, c);
    else if (length = utf8_length(text); length != 0)
      out += text.substr(0, length);
    else
      out += "\xEF\xBF\xBD";
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

std::string json_object(const std::map<std::string, std::string>& values) {
  std::string out = "{";
  for (const auto& [name, value] : values) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  return out + '}';
}

std::map<std::string, std::string> texts_of_json(std::string_view json) {
  if (json == "{}") return {};
  const auto whole = nlohmann::json::parse(json, nullptr, false);
  if (!whole.is_object()) throw std::invalid_argument("headers are no JSON object");
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : whole.items()) {
    if (!value.is_string()) throw std::invalid_argument("header \"" + name + "\" is no text");
    texts[name] = value.get<std::string>();
  }
  return texts;
}

}  // namespace tenfold::sidecar
