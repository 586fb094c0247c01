#include "payment/signature.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "kernel/hmac.hpp"

namespace tenfold::payment {
namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr size_t least_secret = 24, most_secret = 64;
constexpr size_t most_time_digits = 12;

// The parts between separators, without spaces around them.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

// Digits only, as the signer wrote them.
std::optional<int64_t> read_time(std::string_view text) {
  int64_t seconds = 0;
  if (text.empty() || text.size() > most_time_digits || text.front() == '-') return std::nullopt;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds;
}

Verdict check_time(int64_t seconds, int64_t now) {
  if (seconds < now - signature_tolerance) return Verdict::too_old;
  return seconds > now + signature_tolerance ? Verdict::too_new : Verdict::genuine;
}

// Every pair is compared, whichever was found first.
bool is_any_of(Secrets secrets, std::span<const std::string_view> written, std::string_view text,
               std::string (*write)(std::string_view)) {
  bool found = false;
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    const std::string right = write(hmac_sha256(secret, text));
    for (const std::string_view one : written) found |= equal_bytes(one, right);
  }
  return found;
}

}  // namespace

std::string_view text_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::genuine:
      return "genuine";
    case Verdict::missing:
      return "missing";
    case Verdict::malformed:
      return "malformed";
    case Verdict::repeated:
      return "there more than once";
    case Verdict::too_old:
      return "too old";
    case Verdict::too_new:
      return "of a time to come";
    default:
      return "of none of the secrets";
  }
}

Verdict verify_stripe(Secrets secrets, std::string_view header, std::string_view body, int64_t now) {
  if (header.empty()) return Verdict::missing;
  std::vector<std::string_view> times, signatures;
  for (const std::string_view part : split(header, ',')) {
    if (part.starts_with("t=")) {
      times.push_back(part.substr(2));
    } else if (part.starts_with("v1=")) {
      signatures.push_back(part.substr(3));
    }
  }
  if (times.size() > 1) return Verdict::repeated;
  const auto seconds = times.empty() ? std::nullopt : read_time(times.front());
  if (!seconds || signatures.empty()) return Verdict::malformed;
  const std::string text = std::string(times.front()) + '.' + std::string(body);
  if (!is_any_of(secrets, signatures, text, encode_hex)) return Verdict::forged;
  return check_time(*seconds, now);
}

Verdict verify_razorpay(Secrets secrets, std::string_view header, std::string_view body) {
  if (header.empty()) return Verdict::missing;
  if (header.find(',') != std::string_view::npos) return Verdict::repeated;
  return is_any_of(secrets, std::span(&header, 1), body, encode_hex) ? Verdict::genuine : Verdict::forged;
}

// An id with a full stop would leave open where it ends and the time begins.
Verdict verify_standard(Secrets secrets, const StandardHeaders& headers, std::string_view body, int64_t now) {
  if (headers.id.empty() || headers.timestamp.empty() || headers.signature.empty()) return Verdict::missing;
  if (headers.signature.find(", ") != std::string_view::npos) return Verdict::repeated;
  const auto seconds = read_time(headers.timestamp);
  std::vector<std::string_view> signatures;
  for (const std::string_view part : split(headers.signature, ' '))
    if (part.starts_with("v1,")) signatures.push_back(part.substr(3));
  if (!seconds || signatures.empty() || headers.id.find_first_of(".,") != std::string_view::npos)
    return Verdict::malformed;
  std::string text(headers.id);
  text.append(".").append(headers.timestamp).append(".").append(body);
  if (!is_any_of(secrets, signatures, text, encode_base64)) return Verdict::forged;
  return check_time(*seconds, now);
}

std::string sign_standard(Secrets secrets, std::string_view id, int64_t seconds, std::string_view body) {
  std::string text(id);
  text.append(".").append(std::to_string(seconds)).append(".").append(body);
  std::string signatures;
  for (const std::string& secret : secrets) {
    if (!signatures.empty()) signatures += ' ';
    signatures += "v1," + encode_base64(hmac_sha256(secret, text));
  }
  return signatures;
}

std::string write_webhook_secret(std::string_view bytes) {
  return std::string(secret_prefix) + encode_base64(bytes);
}

Result<std::string> read_webhook_secret(std::string_view text) {
  const bool is_marked = text.starts_with(secret_prefix);
  const auto bytes = is_marked ? decode_base64(text.substr(secret_prefix.size())) : std::nullopt;
  if (!bytes || bytes->size() < least_secret || bytes->size() > most_secret)
    return Error{Code::invalid_parameter, "a secret of webhooks is none of 24 to 64 bytes",
                 "write whsec_ and the base64 of 24 to 64 random bytes"};
  return *bytes;
}

}  // namespace tenfold::payment
