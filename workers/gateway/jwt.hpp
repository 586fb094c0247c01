// JSON Web Tokens: HS256 with a JWKS of symmetric keys, by PostgREST's rules.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"
#include "workers/gateway/problem.hpp"

namespace tenfold::gateway {

struct Key {
  std::string id;      // kid; may be empty
  std::string secret;  // at least 32 bytes: HS256 is no stronger than its key
};

// {"keys":[{"kty":"oct","kid":"…","k":"base64url"}]}, or one such key. Keys that are not symmetric, or of
// another alg, are an error: they would be silently useless.
Result<std::vector<Key>> parse_keys(std::string_view jwks);

struct Claims {
  std::string role;
  std::string json;  // the payload, with the role in it
};

struct JwtRules {
  std::vector<Key> keys;
  std::string audience;        // a token's aud must hold it, where it has one; empty: not checked
  std::string anonymous_role;  // of requests without token, and of tokens without role
};

// The claims of the header Authorization, at `now` (seconds since 1970). Without the header: the anonymous
// role's. 401 with WWW-Authenticate: PGRST301 for what is no token of ours, PGRST303 for one that does not
// hold now. Times may be 30 seconds off. A token with a kid is checked with that key only.
Outcome<Claims> authenticate(std::string_view authorization, const JwtRules& rules, int64_t now);

// Nothing where the text is no base64url without padding (RFC 4648 §5).
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace tenfold::gateway
