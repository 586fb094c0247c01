// Writing JSON by appending: what the hot path and the log do instead of building a document.
#pragma once

#include "kernel/wall.hpp"

#include <map>
#include <string>
#include <string_view>

namespace tenfold::sidecar {

// The bytes of the UTF-8 character at the front of the text (1 … 4); 0 if there is none. Overlong forms,
// surrogates and what lies above U+10FFFF are none (RFC 3629).
size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

// Appends text as a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// A JSON object of texts.
std::string json_object(const std::map<std::string, std::string>& values);

// The other way round. Throws std::invalid_argument for what is no such object.
std::map<std::string, std::string> texts_of_json(std::string_view json);

}  // namespace tenfold::sidecar
