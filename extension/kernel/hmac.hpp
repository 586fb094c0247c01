// HMAC-SHA256 (RFC 2104), and the texts that signatures are written in.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tenfold {

std::string hmac_sha256(std::string_view secret, std::string_view text);  // 32 bytes

// Takes as long for every content; the lengths are no secret.
bool equal_bytes(std::string_view a, std::string_view b);

std::string encode_hex(std::string_view bytes);  // lower case

// With padding (RFC 4648 §4). Decoding gives nothing where the text is none: there is one text for each
// value.
std::string encode_base64(std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace tenfold
