// What the adapters of providers share, and what each is. For provider_call and the adapters only.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "payment/provider_call.hpp"

namespace tenfold::payment {

using Json = nlohmann::json;

struct Adapter {
  const char* shape;
  Login login;
  Result<ProviderRequest> (*request)(const Operation&);
  // Of an answer with a status below 500 and a body that is JSON (null: it is empty).
  Observation (*answer)(const Operation&, int status, const Json& body);
  std::vector<Observation> (*event)(const Json& body);
};

extern const Adapter stripe, razorpay, paypal;

constexpr const char* reference_name = "reference";
// At PayPal an order's id looks like that of a capture: who remembers it must know which it is.
constexpr std::string_view order_prefix = "orders/";

// Reading JSON of others: what is absent, or of another type, is empty.
const Json& member(const Json& value, std::string_view name);
std::string text_in(const Json& value, std::string_view name);
std::optional<int64_t> integer_in(const Json& value, std::string_view name);

std::string percent_encode(std::string_view text);
using Form = std::vector<std::pair<std::string, std::string>>;
std::string form_encode(const Form& form);

Error not_supported(const Operation& operation, std::string_view what);

// Of an error that is not the operation's end: what the status alone tells.
Observation refused(const Operation& operation, int status, std::string code, std::string message);

// What a hold that is captured, gone or still there means for who wanted to capture or to void it.
void judge_hold(const Operation& operation, Observation& seen);

// The operation is looked for, and the provider has it in a state from before: it was not executed. As an
// answer to the call itself that would be a riddle.
Class not_yet(const Operation& operation);

// Of several records of one operation that with the highest counts.
int progress_of(Class name);

}  // namespace tenfold::payment
