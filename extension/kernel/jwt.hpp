// JSON Web Tokens (RFC 7519) signed with HS256, and the JWKS (RFC 7517) of their symmetric keys. Postgres
// signs with them, the gateway checks.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold {

struct Key {
  std::string id;      // kid; may be empty
  std::string secret;  // at least 32 bytes: HS256 is no stronger than its key
};

// {"keys":[{"kty":"oct","kid":"…","k":"base64url"}]}, or one such key. Keys that are not symmetric, or of
// another alg, are an error: they would be silently useless.
Result<std::vector<Key>> parse_keys(std::string_view jwks);

// The compact form of a token with these claims (a JSON object's text), its header naming the key.
std::string sign_jwt(std::string_view claims, const Key& key);

// Whether the signature (the bytes, not their base64url) is the key's for this text. Takes as long for every
// signature.
bool is_signed_by(const Key& key, std::string_view text, std::string_view signature);

// Without padding (RFC 4648 §5). Decoding gives nothing where the text is none: there is one text for each
// value.
std::string encode_base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace tenfold
