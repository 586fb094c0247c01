// Whom a request comes from: its JSON Web Token, by PostgREST's rules.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/jwt.hpp"
#include "workers/gateway/problem.hpp"

namespace tenfold::gateway {

struct Claims {
  std::string role;
  std::string json;          // the payload, with the role in it
  std::string subject = {};  // the claim sub
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

}  // namespace tenfold::gateway
