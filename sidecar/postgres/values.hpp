// Values in the text form of Postgres.
#pragma once

#include "kernel/wall.hpp"

#include <charconv>
#include <string>
#include <string_view>

namespace tenfold::sidecar {

// Of what Postgres wrote as a number; 0 of anything else.
template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Text as Postgres takes it: UTF-8 without zero bytes. What is neither becomes U+FFFD, or is left out.
std::string clean(std::string_view text);

// Appends an element of an array literal, quoted.
void append_element(std::string& array, std::string_view element);

// The literal {…}; write(text, item) appends one element.
template <class Items, class Write>
std::string array_of(const Items& items, Write write) {
  std::string text = "{";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    write(text, item);
  }
  return text + '}';
}

// Of strings.
template <class Texts>
std::string text_array(const Texts& texts) {
  return array_of(texts, append_element);
}

}  // namespace tenfold::sidecar
