// Which addresses calls to others may reach. Pure, but for Asio's addresses.
#pragma once

#include "kernel/wall.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::sidecar {

// Addresses of the public internet are allowed. Those of this machine, of private and link-local networks
// (the metadata of a cloud among them), and what is no host at all, only where they are listed.
class AddressRules {
 public:
  using Network = std::variant<boost::asio::ip::network_v4, boost::asio::ip::network_v6>;

  // Of "10.1.2.3, 192.168.0.0/16, fd00::/8".
  static Result<AddressRules> read(std::string_view listed);

  bool allow(const boost::asio::ip::address& address) const;

 private:
  std::vector<Network> listed_;
};

}  // namespace tenfold::sidecar
