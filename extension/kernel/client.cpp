#include "kernel/client.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace tenfold {

namespace {

// The text of a member that is a string, as it stands between its quotes; empty if it is none.
std::string_view member_text(std::string_view object, std::string_view name) {
  const std::string member = '"' + std::string(name) + "\":";
  const size_t found = object.find(member);
  if (found == std::string_view::npos) return {};
  std::string_view rest = object.substr(found + member.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with('"')) return {};
  size_t end = 1;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  return rest.substr(1, end - 1);
}

// A query as it stands in JSON: what needs an escape there is percent-encoded, as it should have been.
std::string without_escapes(std::string_view text) {
  std::string query;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      query += text[i];
    } else if (const char escaped = text[++i]; escaped == '/') {
      query += '/';
    } else if (escaped == 'u' && i + 4 < text.size()) {
      query.append("%").append(text.substr(i + 3, 2));
      i += 4;
    } else {
      query += escaped == '"' ? "%22" : "%5C";
    }
  }
  return query;
}

// Within < and > of a Link there is a URI reference: what no URI may hold is percent-encoded (RFC 3986 §2).
void append_uri(std::string& link, std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  constexpr std::string_view never = "\"<>\\^`{|}";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 0x7f && never.find(c) == std::string_view::npos)
      link += c;
    else
      link.append({'%', digits[byte >> 4], digits[byte & 15]});
  }
}

}  // namespace

std::string_view edge_header(std::string_view headers, std::string_view name) {
  const std::string_view value = member_text(headers, name);
  return value.find('\\') == std::string_view::npos ? value : std::string_view{};
}

std::string next_link(std::string_view headers, std::string_view cursor) {
  const std::string query = without_escapes(member_text(headers, "x-query"));
  std::string link = "<?";
  for (std::string_view rest = query; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    if (one.empty() || one.starts_with("cursor=")) continue;
    append_uri(link, one);
    link += '&';
  }
  return link.append("cursor=").append(cursor).append(">; rel=\"next\"");
}

std::string client_key(std::string_view address) {
  constexpr size_t network_bytes = 8;
  constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::string text(address);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return {reinterpret_cast<const char*>(&v4), sizeof v4};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  const auto* bytes = reinterpret_cast<const char*>(&v6);
  if (std::memcmp(bytes, mapped, sizeof mapped) == 0) return {bytes + sizeof mapped, sizeof v4};
  return {bytes, network_bytes};
}

}  // namespace tenfold
