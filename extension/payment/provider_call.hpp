// Calls to payment providers as values: an operation becomes a request, an answer or an event becomes
// observations. One adapter for each shape of API; who sends, and with which secrets, is not known here.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"
#include "payment/failure_class.hpp"
#include "payment/provider_amount.hpp"

namespace tenfold::payment {

enum class Kind { authorize, charge, capture, void_, refund };

// Asked of a provider; with `query`: how it went.
struct Operation {
  std::string shape;  // stripe, razorpay, paypal
  Kind kind = Kind::charge;
  bool query = false;
  int64_t amount_minor = 0;
  std::string currency;  // ISO 4217
  Digits digits;
  std::string key;           // the provider's idempotency key
  std::string reference;     // ours: it stands in the provider's records, and queries look for it
  std::string token;         // of the payer's method; empty: the customer acts on the provider's page
  std::string payment_ref;   // what is captured, voided or refunded there
  std::string provider_ref;  // of this operation there, where it is known
  std::string description;
};

// Of a row of payment.call as JSON; null is as absent. The shape is the provider's name up to a hyphen, so
// that there may be several accounts: stripe, stripe-eu.
Result<Operation> read_operation(std::string_view json);

struct ProviderRequest {
  std::string method, path, body;  // the path with its query; the base URL goes before it
  std::map<std::string, std::string> headers;
  bool has_key = true;  // the provider executes it once, however often it comes
};

// Errors: 0A000 the provider cannot do it, or cannot be asked how it went; 22023 the amount.
Result<ProviderRequest> request_of(const Operation& operation);

// What is sent when a stored request is due (again): that, but for a provider that wants another call once
// its customer has agreed.
Result<ProviderRequest> next_request(const Operation& operation, std::string_view stored);

std::string write_request(const ProviderRequest& request);  // JSON; the same request, the same bytes
Result<ProviderRequest> read_request(std::string_view json);

enum class Login { bearer, basic, oauth };
Login login_of(std::string_view shape);

// What came back from a call.
struct Answer {
  Reach reach = Reach::not_sent;
  int status = 0;
  std::string body, error;
  std::optional<int64_t> retry_after = {};  // seconds
};

struct Observation {
  Class name = Class::ambiguous;
  std::string word;                          // the provider's own
  std::optional<int64_t> amount_minor = {};  // where the operation, and so the currency's digits, are known
  std::string provider_amount, currency;     // as an event says it
  std::string provider_ref, payment_ref;     // of the operation; of what can be captured, voided, refunded
  std::vector<std::string> refs;             // all ids there that belong to it
  std::string reference;                     // ours
  std::string code, message;                 // why not
  std::map<std::string, std::string> next_action;
  std::optional<int64_t> retry_after = {};
};

Observation read_answer(const Operation& operation, const Answer& answer);

// Of a webhook's body whose signature held. Empty: an event that says nothing of payments. Errors: 22023 no
// JSON object.
Result<std::vector<Observation>> read_event(std::string_view shape, std::string_view body);

// The members of a JSON object, without braces: what payment.observe() takes, but for whose it is.
std::string write_observation(const Observation& observation);

}  // namespace tenfold::payment
