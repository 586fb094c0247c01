// The secrets of webhooks: the file that holds them, and those of merchants' endpoints, which are made of a
// master key and kept nowhere.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::payment {

// By the name of what they are for: `master`, and providers. Newest first; as bytes.
using SecretsOf = std::map<std::string, std::vector<std::string>, std::less<>>;

// {"master": ["base64 of 32 bytes or more"], "stripe": ["whsec_…"], "razorpay": ["…"]}. Those of providers
// are the text itself: Stripe signs with its whsec_ as it stands.
Result<SecretsOf> parse_secrets(std::string_view json);

// Standard Webhooks wants 24 to 64 bytes: 32. Another endpoint or generation has another one, which tells
// nothing of this.
std::string endpoint_secret(std::string_view master, std::string_view endpoint, int generation);

}  // namespace tenfold::payment
