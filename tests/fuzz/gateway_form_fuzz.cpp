// Any text, encoded in any way, decodes to itself, alone and as a form; and what decodes encodes back.
#include "workers/gateway/form.hpp"

#include <cstdlib>

#include "base/json_text.hpp"

using namespace tenfold::gateway;

namespace {

constexpr std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

// Each byte as it is or as %XX, in upper or lower case, as the bits say; what has a meaning always as %XX.
std::string encode(std::string_view text, uint8_t bits) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned choice = bits >> (i % 4 * 2) & 3U;
    if (choice < 2 && unreserved.find(text[i]) != std::string_view::npos) {
      out += text[i];
      continue;
    }
    const char* digits = (choice & 1U) != 0 ? "0123456789abcdef" : "0123456789ABCDEF";
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t bits = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool is_text = tenfold::sidecar::is_utf8(text) && text.find('\0') == std::string_view::npos;

  for (const Plus plus : {Plus::is_space, Plus::is_plus}) {
    const auto decoded = percent_decode(encode(text, bits), plus);
    check(decoded.has_value() == is_text && (!decoded || *decoded == text));
    // The text as somebody else's encoding.
    const auto sent = percent_decode(text, plus);
    check(!sent || percent_decode(encode(*sent, bits), plus) == sent);
  }

  const size_t middle = text.size() / 2;
  const std::string name = encode(text.substr(0, middle), bits), value = encode(text.substr(middle), bits);
  const auto form = parse_form("a=1&" + name + "=" + value + "&" + name);
  if (form) {
    check(form->size() == (middle == 0 ? 2U : 3U) && form->at(1).first == text.substr(0, middle) &&
          form->at(1).second == text.substr(middle));
    check(find_value(*form, "a") == &form->front().second);
  }
  const auto any = parse_form(text);
  if (!any) return 0;
  std::string again;
  for (const auto& [one, its] : *any) again += encode(one, bits) + "=" + encode(its, bits) + "&";
  check(parse_form(again) == any);
  return 0;
}
