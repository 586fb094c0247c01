#include "workers/gateway/client_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace tenfold::gateway {
namespace {

constexpr int v4_bits = 32, v6_bits = 128;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// bits: of the whole address, 32 or 128.
std::optional<Network> parse_address(std::string_view text, int& bits) {
  const std::string copy(text);
  Network network{{}, v6_bits};
  bits = v6_bits;
  if (inet_pton(AF_INET6, copy.c_str(), network.address.data()) == 1) return network;
  network.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  bits = v4_bits;
  if (inet_pton(AF_INET, copy.c_str(), network.address.data() + 12) == 1) return network;
  return std::nullopt;
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
    client = trimmed(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    forwarded_for = comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
  }
  return client;
}

}  // namespace tenfold::gateway
