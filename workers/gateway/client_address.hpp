// Who sent a request, where proxies may stand between.
#pragma once

#include "kernel/wall.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::gateway {

// A network as address/bits; an address alone is one of all its bits.
struct Network {
  std::array<unsigned char, 16> address;  // IPv4 as ::ffff:a.b.c.d
  int bits;                               // of 128
};

// "10.0.0.0/8, ::1". The error names what is no network.
Result<std::vector<Network>> parse_networks(std::string_view list);

// The peer, unless it is a trusted proxy: then the last address of its X-Forwarded-For that is none, without
// port and brackets. What stands before that one may be anybody's invention. Where a proxy names no address
// ("unknown"), it counts itself.
std::string_view client_address(std::string_view peer, std::string_view forwarded_for,
                                const std::vector<Network>& trusted);

// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which one household has. What is
// no address stands for itself.
std::string network_of(std::string_view address);

}  // namespace tenfold::gateway
