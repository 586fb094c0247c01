// Where the payment providers are, and who we are there: settings; and what proves it in a call.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/settings.hpp"
#include "http/client.hpp"
#include "payment/provider_call.hpp"

namespace tenfold::provider {

class Accounts {
 public:
  Accounts(sidecar::HttpClient& http, const sidecar::Settings& settings);

  static std::vector<sidecar::SettingRow> settings();

  std::string url(const std::string& shape) const { return of(shape).url; }

  // The value of Authorization. Nothing, and why: there is no key, or no token could be had.
  sidecar::Task<Result<std::string>> authorization(const std::string& shape);

  // The provider did not take it: the next one is another.
  void forget(const std::string& shape);

 private:
  using Clock = std::chrono::steady_clock;

  struct Account {
    std::string url, key;
    std::string token;
    Clock::time_point token_ends;
    bool is_asking = false;
  };

  const Account& of(const std::string& shape) const { return accounts_.at(shape); }
  sidecar::Task<Result<std::string>> token(Account& account);
  sidecar::Task<std::optional<Error>> fetch_token(Account& account);

  sidecar::HttpClient& http_;
  std::map<std::string, Account> accounts_;
};

}  // namespace tenfold::provider
