#include "workers/gateway/client_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <ranges>

namespace tenfold::gateway {
namespace {

constexpr int v4_bits = 32, v6_bits = 128, v6_network_bits = 64;
constexpr std::array<unsigned char, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_v4(const Network& one) {
  return std::ranges::equal(v4_prefix, one.address | std::views::take(v4_prefix.size()));
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// bits: of the whole address, 32 or 128.
std::optional<Network> parse_address(std::string_view text, int& bits) {
  const std::string copy(text);
  Network network{{}, v6_bits};
  bits = v6_bits;
  if (inet_pton(AF_INET6, copy.c_str(), network.address.data()) == 1) return network;
  network.address = {};
  std::ranges::copy(v4_prefix, network.address.begin());
  bits = v4_bits;
  if (inet_pton(AF_INET, copy.c_str(), network.address.data() + 12) == 1) return network;
  return std::nullopt;
}

// 203.0.113.9:40001, [2001:db8::1]:443 and [2001:db8::1] without what is around the address.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
  const size_t colon = text.find(':');
  return colon == text.rfind(':') ? text.substr(0, colon) : text;  // several: IPv6, bare
}

std::optional<Network> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  int whole = 0;
  auto network = parse_address(text.substr(0, slash), whole);
  if (!network || slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  int bits = -1;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (failure != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > whole)
    return std::nullopt;
  network->bits = v6_bits - whole + bits;
  return network;
}

bool holds(const Network& network, const Network& one) {
  for (int bit = 0; bit < network.bits; bit++) {
    const auto byte = static_cast<size_t>(bit / 8);
    if (((network.address[byte] ^ one.address[byte]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

bool is_trusted(std::string_view address, const std::vector<Network>& trusted) {
  int bits = 0;
  const auto one = parse_address(address, bits);
  return one && std::ranges::any_of(trusted, [&](const Network& network) { return holds(network, *one); });
}

}  // namespace

Result<std::vector<Network>> parse_networks(std::string_view list) {
  std::vector<Network> networks;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view text = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    const auto network = parse_network(text);
    if (!network)
      return Error{Code::invalid_parameter, "\"" + std::string(text) + "\" is no network",
                   "write addresses with commas between, with or without /bits: 10.0.0.0/8, ::1"};
    networks.push_back(*network);
  }
  return networks;
}

std::string_view client_address(std::string_view peer, std::string_view forwarded_for,
                                const std::vector<Network>& trusted) {
  std::string_view client = peer;
  while (!forwarded_for.empty() && is_trusted(client, trusted)) {
    const size_t comma = forwarded_for.rfind(',');
    const auto named = comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1);
    const std::string_view address = without_port(trimmed(named));
    int bits = 0;
    if (!parse_address(address, bits)) return client;
    client = address;
    forwarded_for = comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
  }
  return client;
}

std::string network_of(std::string_view text) {
  int bits = 0;
  const auto one = parse_address(text, bits);
  if (!one) return std::string(text);
  const size_t length = is_v4(*one) ? v6_bits / 8 : v6_network_bits / 8;
  return {reinterpret_cast<const char*>(one->address.data()), length};
}

}  // namespace tenfold::gateway
