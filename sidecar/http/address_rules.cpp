#include "http/address_rules.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace tenfold::sidecar {
namespace {

namespace ip = boost::asio::ip;
using Network = AddressRules::Network;

// IANA's registries of special purpose, of both versions. IPv4 within IPv6 is looked at as IPv4.
constexpr std::array special{
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",  "240.0.0.0/4",    "::/128",         "::1/128",        "64:ff9b:1::/48",
    "100::/64",       "2001::/23",    "2001:db8::/32",  "3fff::/20",      "5f00::/16",      "fc00::/7",
    "fe80::/10",      "fec0::/10",    "ff00::/8"};

std::optional<Network> parse_network(std::string_view text) {
  boost::system::error_code failed;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    const auto one = ip::make_address(std::string(text), failed);
    if (failed) return std::nullopt;
    if (one.is_v4()) return ip::network_v4(one.to_v4(), 32);
    return ip::network_v6(one.to_v6(), 128);
  }
  const std::string whole(text);
  const auto four = ip::make_network_v4(whole, failed);
  if (!failed) return four;
  const auto six = ip::make_network_v6(whole, failed);
  if (!failed) return six;
  return std::nullopt;
}

bool holds(const ip::network_v4& network, const ip::address& address) {
  return address.is_v4() &&
         ip::network_v4(address.to_v4(), network.prefix_length()).canonical() == network.canonical();
}

bool holds(const ip::network_v6& network, const ip::address& address) {
  return address.is_v6() &&
         ip::network_v6(address.to_v6(), network.prefix_length()).canonical() == network.canonical();
}

bool any_holds(const std::vector<Network>& networks, const ip::address& address) {
  return std::ranges::any_of(networks, [&](const Network& network) {
    return std::visit([&](const auto& one) { return holds(one, address); }, network);
  });
}

ip::address_v4 four_at(const ip::address_v6::bytes_type& bytes, size_t at) {
  return ip::address_v4({bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]});
}

// The IPv4 that an IPv6 leads to: mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16), and the
// deprecated ::/96.
ip::address innermost(const ip::address& address) {
  if (address.is_v4()) return address;
  const auto bytes = address.to_v6().to_bytes();
  static const auto nat64 = ip::make_network_v6("64:ff9b::/96"), old = ip::make_network_v6("::/96");
  if (address.to_v6().is_v4_mapped() || holds(nat64, address)) return four_at(bytes, 12);
  if (holds(old, address) && !address.is_loopback() && !address.is_unspecified()) return four_at(bytes, 12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return four_at(bytes, 2);
  return address;
}

std::vector<Network> parse_special() {
  std::vector<Network> networks;
  for (const char* text : special) networks.push_back(parse_network(text).value());
  return networks;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<AddressRules> AddressRules::read(std::string_view listed) {
  AddressRules rules;
  while (!listed.empty()) {
    const size_t end = std::min(listed.find(','), listed.size());
    const std::string_view one = trimmed(listed.substr(0, end));
    listed.remove_prefix(std::min(end + 1, listed.size()));
    if (one.empty()) continue;
    const auto network = parse_network(one);
    if (!network)
      return Error{Code::invalid_parameter,
                   "http.allow holds \"" + std::string(one) + "\", which is no address",
                   "list addresses and networks, such as 10.1.2.3, 192.168.0.0/16"};
    rules.listed_.push_back(*network);
  }
  return rules;
}

bool AddressRules::allow(const boost::asio::ip::address& address) const {
  static const std::vector<Network> refused = parse_special();
  const ip::address inner = innermost(address);
  return !any_holds(refused, inner) || any_holds(listed_, inner);
}

}  // namespace tenfold::sidecar
