#include "postgres/values.hpp"

#include <algorithm>

#include "base/json_text.hpp"

namespace tenfold::sidecar {

std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0)
      out += "\uFFFD";
    else if (text.front() != 0)
      out += text.substr(0, length);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

void append_element(std::string& array, std::string_view element) {
  array += '"';
  for (const char letter : element) {
    if (letter == '"' || letter == '\\') array += '\\';
    array += letter;
  }
  array += '"';
}

}  // namespace tenfold::sidecar
