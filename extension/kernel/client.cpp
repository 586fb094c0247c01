#include "kernel/client.hpp"

#include <arpa/inet.h>

#include <cstring>

namespace tenfold {

std::string_view edge_header(std::string_view headers, std::string_view name) {
  const std::string member = '"' + std::string(name) + "\":";
  const size_t found = headers.find(member);
  if (found == std::string_view::npos) return {};
  std::string_view rest = headers.substr(found + member.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with('"')) return {};
  const std::string_view value = rest.substr(1, rest.find('"', 1) - 1);
  return value.find('\\') == std::string_view::npos ? value : std::string_view{};
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
