#include "workers/provider/accounts.hpp"

#include <nlohmann/json.hpp>

#include "kernel/hmac.hpp"

namespace tenfold::provider {
namespace {

using namespace sidecar;
using namespace std::chrono_literals;

constexpr auto token_margin = 60s;  // before its end it is taken for over
constexpr auto token_deadline = 10s;
constexpr auto token_pause = 20ms;

Error no_login(std::string why) {
  return {Code::invalid_parameter, std::move(why), "set provider.NAME_url and provider.NAME_key"};
}

}  // namespace

std::vector<SettingRow> Accounts::settings() {
  using Kind = SettingKind;
  return {
      {"provider.stripe_url", Kind::text, "https://api.stripe.com", "where Stripe is"},
      {"provider.stripe_key", Kind::secret, "", "its secret key, sk_…"},
      {"provider.razorpay_url", Kind::text, "https://api.razorpay.com", "where Razorpay is"},
      {"provider.razorpay_key", Kind::secret, "", "its key's id and secret, with a colon between"},
      {"provider.paypal_url", Kind::text, "https://api-m.paypal.com", "where PayPal is"},
      {"provider.paypal_key", Kind::secret, "", "its client id and secret, with a colon between"},
  };
}

Accounts::Accounts(HttpClient& http, const Settings& settings) : http_(http) {
  for (const std::string shape : {"stripe", "razorpay", "paypal"}) {
    Account& account = accounts_[shape];
    account.url = settings.text("provider." + shape + "_url");
    account.key = settings.text("provider." + shape + "_key");
    while (account.url.ends_with('/')) account.url.pop_back();
  }
}

Task<Result<std::string>> Accounts::authorization(const std::string& shape) {
  Account& account = accounts_.at(shape);
  if (account.key.empty()) co_return no_login("provider." + shape + "_key is not set");
  switch (payment::login_of(shape)) {
    case payment::Login::bearer:
      co_return "Bearer " + account.key;
    case payment::Login::basic:
      co_return "Basic " + encode_base64(account.key);
    default:
      co_return co_await token(account);
  }
}

void Accounts::forget(const std::string& shape) {
  accounts_.at(shape).token_ends = {};
}

// One asks, the others wait for what it gets.
Task<Result<std::string>> Accounts::token(Account& account) {
  while (account.is_asking) co_await sleep_for(token_pause);
  if (Clock::now() < account.token_ends) co_return account.token;
  account.is_asking = true;
  const auto failure = co_await fetch_token(account);
  account.is_asking = false;
  if (failure) co_return *failure;
  co_return account.token;
}

Task<std::optional<Error>> Accounts::fetch_token(Account& account) {
  HttpCall call{"POST", account.url + "/v1/oauth2/token"};
  call.headers = {"Authorization: Basic " + encode_base64(account.key),
                  "Content-Type: application/x-www-form-urlencoded"};
  call.body = "grant_type=client_credentials";
  call.deadline = token_deadline;
  const HttpReply reply = co_await http_.send(std::move(call));
  const auto body = nlohmann::json::parse(reply.body, nullptr, false);
  if (reply.status != 200 || !body.is_object() || !body.contains("access_token") ||
      !body["access_token"].is_string())
    co_return no_login("no token was given: " +
                       (reply.status == 0 ? reply.error : "status " + std::to_string(reply.status)));
  account.token = "Bearer " + body["access_token"].get<std::string>();
  const auto life = body.contains("expires_in") && body["expires_in"].is_number_integer()
                        ? std::chrono::seconds(body["expires_in"].get<int64_t>())
                        : 300s;
  account.token_ends = Clock::now() + std::max<std::chrono::seconds>(life - token_margin, 1s);
  co_return std::nullopt;
}

}  // namespace tenfold::provider
