// Signatures of webhooks: those of Stripe, Razorpay and Standard Webhooks (standardwebhooks.com) are checked,
// the last also written. Each by any of several secrets, so that one can be changed without a gap.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold::payment {

// Seconds that the time of a message may differ from ours, both ways. (Stripe's own library takes any time to
// come: whoever signs with a future time could be replayed for as long.)
constexpr int64_t signature_tolerance = 300;

enum class Verdict { genuine, missing, malformed, repeated, too_old, too_new, forged };

std::string_view text_of(Verdict verdict);  // for people: "the signature is …" goes before it

using Secrets = std::span<const std::string>;  // their bytes; an empty one signs nothing

// Stripe-Signature: t=1700000000,v1=hex,v1=hex…: HMAC-SHA256 of `t.body`. Schemes other than v1 count for
// nothing. A header that came twice must come joined by a comma: its t is repeated, and it is refused.
Verdict verify_stripe(Secrets secrets, std::string_view header, std::string_view body, int64_t now);

// X-Razorpay-Signature: hex of the HMAC-SHA256 of the body. There is no time in it: replays are told by the
// event's id or by the body's hash.
Verdict verify_razorpay(Secrets secrets, std::string_view header, std::string_view body);

// The three headers of Standard Webhooks; empty: there is none.
struct StandardHeaders {
  std::string_view id, timestamp, signature;
};

// webhook-signature: v1,base64 v1,base64…: HMAC-SHA256 of `id.timestamp.body`.
Verdict verify_standard(Secrets secrets, const StandardHeaders& headers, std::string_view body, int64_t now);

// The value of webhook-signature: one signature a secret.
std::string sign_standard(Secrets secrets, std::string_view id, int64_t seconds, std::string_view body);

// whsec_ and base64, as Standard Webhooks writes secrets; 24 to 64 bytes.
std::string write_webhook_secret(std::string_view bytes);
Result<std::string> read_webhook_secret(std::string_view text);

}  // namespace tenfold::payment
