// Razorpay: an order that the customer pays on Razorpay's checkout, captures and refunds of its payment;
// JSON, Basic authentication, our reference in notes and receipt (of at most 40 characters). There is no
// idempotency key: whoever does not know how a call ended asks.
#define JSON_NO_IO  // no iostream in the backend
#include <algorithm>
#include <nlohmann/json.hpp>

#include "payment/adapter.hpp"

namespace tenfold::payment {
namespace {

ProviderRequest get(std::string path) {
  return {"GET", std::move(path), "", {}, true};
}

ProviderRequest post(std::string path, const Json& body) {
  return {"POST", std::move(path), body.dump(), {{"Content-Type", "application/json"}}, false};
}

// A receipt has at most 40 characters, and ours begins with the merchant: the payment's id says enough.
std::string receipt_of(const Operation& operation) {
  const std::string& text = operation.reference;
  return std::count(text.begin(), text.end(), '/') < 2 ? text : text.substr(text.find('/') + 1);
}

Result<ProviderRequest> question(const Operation& operation) {
  const std::string payment = "/v1/payments/" + percent_encode(operation.payment_ref);
  switch (operation.kind) {
    case Kind::capture:
      return get(payment);
    case Kind::refund:
      return get(payment + "/refunds?count=100");
    case Kind::void_:
      return not_supported(operation, "has no voids");
    default:
      if (operation.provider_ref.starts_with("pay_"))
        return get("/v1/payments/" + percent_encode(operation.provider_ref));
      if (operation.provider_ref.starts_with("order_"))
        return get("/v1/orders/" + percent_encode(operation.provider_ref) + "/payments");
      return get("/v1/orders?" + form_encode({{"receipt", receipt_of(operation)}, {"expand[]", "payments"}}));
  }
}

Result<ProviderRequest> request(const Operation& operation) {
  if (operation.query) return question(operation);
  const auto amount = to_provider(operation.amount_minor, operation.digits);
  if (!amount) return amount.error();
  const Json notes{{reference_name, operation.reference}};
  const std::string payment = "/v1/payments/" + percent_encode(operation.payment_ref);
  switch (operation.kind) {
    case Kind::capture:
      return post(payment + "/capture", {{"amount", *amount}, {"currency", operation.currency}});
    case Kind::refund:
      return post(payment + "/refund",
                  {{"amount", *amount}, {"receipt", receipt_of(operation)}, {"notes", notes}});
    case Kind::void_:
      return not_supported(operation, "has no voids: an authorization that is not captured lapses");
    default:
      return post("/v1/orders", {{"amount", *amount},
                                 {"currency", operation.currency},
                                 {"receipt", receipt_of(operation)},
                                 {"payment_capture", operation.kind == Kind::charge},
                                 {"notes", notes}});
  }
}

void read_common(const Json& entity, Observation& seen) {
  seen.word = text_in(entity, "status");
  seen.reference = text_in(member(entity, "notes"), reference_name);
  seen.currency = text_in(entity, "currency");
  seen.refs = {text_in(entity, "id")};
  if (const auto amount = integer_in(entity, "amount")) seen.provider_amount = std::to_string(*amount);
}

Class class_of_payment(const std::string& word) {
  if (word == "authorized") return Class::authorized;
  if (word == "captured" || word == "refunded") return Class::succeeded;
  if (word == "failed") return Class::declined;
  return word == "created" ? Class::requires_action : Class::ambiguous;
}

// provider_ref is the order: that is what our call made.
Observation read_payment(const Json& payment) {
  Observation seen;
  read_common(payment, seen);
  seen.name = class_of_payment(seen.word);
  seen.payment_ref = text_in(payment, "id");
  seen.provider_ref = text_in(payment, "order_id");
  if (!seen.provider_ref.empty()) seen.refs.push_back(seen.provider_ref);
  seen.code = text_in(payment, "error_code");
  seen.message = text_in(payment, "error_description");
  return seen;
}

Observation read_refund(const Json& refund) {
  Observation seen;
  read_common(refund, seen);
  seen.provider_ref = text_in(refund, "id");
  seen.name = seen.word == "processed" ? Class::succeeded
              : seen.word == "pending" ? Class::processing
              : seen.word == "failed"  ? Class::declined
                                       : Class::ambiguous;
  return seen;
}

// A customer may fail, and try again: the payment that came furthest counts, and all may still fail to.
Observation read_payments(const Json& list) {
  Observation best;
  best.name = Class::requires_action;
  for (const Json& one : member(list, "items")) {
    const Observation seen = read_payment(one);
    if (progress_of(seen.name) > progress_of(best.name)) best = seen;
  }
  return best;
}

Observation read_order(const Json& order) {
  Observation seen = read_payments(member(order, "payments"));
  const std::string id = text_in(order, "id");
  if (seen.refs.empty()) {
    read_common(order, seen);
    seen.next_action = {{"type", "razorpay_checkout"}, {"order_id", id}};
  }
  seen.provider_ref = id;
  seen.reference = text_in(member(order, "notes"), reference_name);
  return seen;
}

Observation read_collection(const Operation& operation, const Json& list) {
  Observation none;
  none.name = Class::not_found;
  if (operation.kind == Kind::refund) {
    for (const Json& one : member(list, "items"))
      if (Observation seen = read_refund(one); seen.reference == operation.reference) return seen;
    return none;
  }
  if (operation.provider_ref.starts_with("order_")) {
    Observation seen = read_payments(list);
    seen.provider_ref = operation.provider_ref;
    if (seen.refs.empty())
      seen.next_action = {{"type", "razorpay_checkout"}, {"order_id", operation.provider_ref}};
    return seen;
  }
  for (const Json& one : member(list, "items"))
    if (text_in(one, "receipt") == receipt_of(operation)) return read_order(one);
  return none;
}

// "Already captured" may be our own call from before.
Observation read_error(const Operation& operation, int status, const Json& body) {
  const Json& error = member(body, "error");
  Observation seen = refused(operation, status, text_in(error, "reason"), text_in(error, "description"));
  if (seen.code.empty()) seen.code = text_in(error, "code");
  if (seen.message.find("already") != std::string::npos) seen.name = Class::ambiguous;
  return seen;
}

void judge(const Operation& operation, Observation& seen) {
  judge_hold(operation, seen);
  if (const auto amount = read_decimal(seen.provider_amount, 0))
    seen.amount_minor = from_provider(*amount, operation.digits);
}

Observation answer(const Operation& operation, int status, const Json& body) {
  if (status >= 400) return read_error(operation, status, body);
  const std::string entity = text_in(body, "entity");
  Observation seen;
  if (entity == "collection")
    seen = read_collection(operation, body);
  else if (entity == "order")
    seen = read_order(body);
  else if (entity == "payment")
    seen = read_payment(body);
  else if (entity == "refund")
    seen = read_refund(body);
  else
    seen.message = "the answer is neither an order, a payment nor a refund";
  judge(operation, seen);
  return seen;
}

std::vector<Observation> event(const Json& body) {
  const Json& payload = member(body, "payload");
  const Json& refund = member(member(payload, "refund"), "entity");
  if (refund.is_object()) return {read_refund(refund)};
  const Json& payment = member(member(payload, "payment"), "entity");
  if (!payment.is_object()) return {};
  Observation seen = read_payment(payment);
  const Json& order = member(member(payload, "order"), "entity");
  if (seen.reference.empty()) seen.reference = text_in(member(order, "notes"), reference_name);
  return {seen};
}

}  // namespace

const Adapter razorpay{"razorpay", Login::basic, request, answer, event};

}  // namespace tenfold::payment
