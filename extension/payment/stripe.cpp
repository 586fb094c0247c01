// Stripe's PaymentIntents and Refunds: form-encoded requests, a Bearer key, Idempotency-Key, our reference in
// metadata. An operation is one call: the intent is created and confirmed at once.
#define JSON_NO_IO  // no iostream in the backend
#include <charconv>
#include <nlohmann/json.hpp>

#include "payment/adapter.hpp"

namespace tenfold::payment {
namespace {

std::string lower(std::string text) {
  for (char& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + ('a' - 'A'));
  return text;
}

ProviderRequest get(std::string path) {
  return {"GET", std::move(path), "", {}, true};
}

ProviderRequest post(const Operation& operation, std::string path, const Form& form) {
  return {"POST",
          std::move(path),
          form_encode(form),
          {{"Content-Type", "application/x-www-form-urlencoded"}, {"Idempotency-Key", operation.key}},
          true};
}

// A search is complete after about a minute: payment.capability.visible_after.
Result<ProviderRequest> question(const Operation& operation) {
  if (operation.kind == Kind::refund) {
    if (!operation.provider_ref.empty()) return get("/v1/refunds/" + percent_encode(operation.provider_ref));
    return get("/v1/refunds?" + form_encode({{"payment_intent", operation.payment_ref}, {"limit", "100"}}));
  }
  const std::string& intent = operation.payment_ref.empty() ? operation.provider_ref : operation.payment_ref;
  if (!intent.empty()) return get("/v1/payment_intents/" + percent_encode(intent));
  const std::string words = std::string("metadata['") + reference_name + "']:'" + operation.reference + "'";
  return get("/v1/payment_intents/search?" + form_encode({{"query", words}}));
}

Form create_form(const Operation& operation, int64_t amount) {
  Form form{{"amount", std::to_string(amount)},
            {"currency", lower(operation.currency)},
            {"capture_method", operation.kind == Kind::authorize ? "manual" : "automatic"},
            {std::string("metadata[") + reference_name + "]", operation.reference}};
  if (!operation.description.empty()) form.emplace_back("description", operation.description);
  if (operation.token.empty()) {
    form.emplace_back("automatic_payment_methods[enabled]", "true");
  } else {
    form.emplace_back("confirm", "true");
    form.emplace_back("payment_method", operation.token);
  }
  return form;
}

Result<ProviderRequest> request(const Operation& operation) {
  if (operation.query) return question(operation);
  const auto amount = to_provider(operation.amount_minor, operation.digits);
  if (!amount) return amount.error();
  const std::string intent = "/v1/payment_intents/" + percent_encode(operation.payment_ref);
  switch (operation.kind) {
    case Kind::capture:
      return post(operation, intent + "/capture", {{"amount_to_capture", std::to_string(*amount)}});
    case Kind::void_:
      return post(operation, intent + "/cancel", {});
    case Kind::refund:
      return post(operation, "/v1/refunds",
                  {{"payment_intent", operation.payment_ref},
                   {"amount", std::to_string(*amount)},
                   {std::string("metadata[") + reference_name + "]", operation.reference}});
    default:
      return post(operation, "/v1/payment_intents", create_form(operation, *amount));
  }
}

struct Status {
  const char* word;
  Class name;
};

constexpr Status intent_statuses[] = {{"requires_payment_method", Class::declined},
                                      {"requires_confirmation", Class::requires_action},
                                      {"requires_action", Class::requires_action},
                                      {"processing", Class::processing},
                                      {"requires_capture", Class::authorized},
                                      {"canceled", Class::voided},
                                      {"succeeded", Class::succeeded}};
constexpr Status refund_statuses[] = {{"pending", Class::processing},
                                      {"requires_action", Class::processing},
                                      {"succeeded", Class::succeeded},
                                      {"failed", Class::declined},
                                      {"canceled", Class::declined}};

template <size_t N>
Class class_of_word(const Status (&known)[N], const std::string& word) {
  for (const Status& one : known)
    if (one.word == word) return one.name;
  return Class::ambiguous;
}

void read_next_action(const Json& intent, Observation& seen) {
  const std::string url = text_in(member(member(intent, "next_action"), "redirect_to_url"), "url");
  seen.next_action["type"] = url.empty() ? "stripe_client_secret" : "redirect";
  if (!url.empty()) seen.next_action["url"] = url;
  const std::string secret = text_in(intent, "client_secret");
  if (!secret.empty()) seen.next_action["client_secret"] = secret;
}

// An intent that was made without a method, and waits for the customer's, has not failed.
bool waits_for_customer(const Json& intent) {
  return text_in(intent, "status") == "requires_payment_method" &&
         member(intent, "last_payment_error").is_null() && member(intent, "payment_method").is_null();
}

void read_amount(const Json& object, const char* name, Observation& seen) {
  if (const auto amount = integer_in(object, name)) seen.provider_amount = std::to_string(*amount);
}

Observation read_intent(const Json& intent) {
  Observation seen;
  seen.word = text_in(intent, "status");
  seen.name = waits_for_customer(intent) ? Class::requires_action : class_of_word(intent_statuses, seen.word);
  seen.provider_ref = seen.payment_ref = text_in(intent, "id");
  seen.refs = {seen.provider_ref};
  seen.reference = text_in(member(intent, "metadata"), reference_name);
  seen.currency = text_in(intent, "currency");
  read_amount(intent, seen.name == Class::succeeded ? "amount_received" : "amount", seen);
  if (seen.name == Class::requires_action) read_next_action(intent, seen);
  const Json& failure = member(intent, "last_payment_error");
  if (seen.name == Class::declined) {
    seen.code = text_in(failure, "decline_code");
    if (seen.code.empty()) seen.code = text_in(failure, "code");
    seen.message = text_in(failure, "message");
  }
  return seen;
}

Observation read_refund(const Json& refund) {
  Observation seen;
  seen.word = text_in(refund, "status");
  seen.name = class_of_word(refund_statuses, seen.word);
  seen.provider_ref = text_in(refund, "id");
  seen.refs = {seen.provider_ref};
  seen.reference = text_in(member(refund, "metadata"), reference_name);
  seen.currency = text_in(refund, "currency");
  seen.code = text_in(refund, "failure_reason");
  read_amount(refund, "amount", seen);
  return seen;
}

void count(const Operation& operation, Observation& seen) {
  int64_t amount = 0;
  const auto* end = seen.provider_amount.data() + seen.provider_amount.size();
  if (std::from_chars(seen.provider_amount.data(), end, amount).ec == std::errc() &&
      !seen.provider_amount.empty())
    seen.amount_minor = from_provider(amount, operation.digits);
}

// Of those with our reference the one that came furthest.
Observation read_list(const Operation& operation, const Json& list) {
  Observation best;
  best.name = Class::not_found;
  for (const Json& one : member(list, "data")) {
    Observation seen = operation.kind == Kind::refund ? read_refund(one) : read_intent(one);
    if (seen.reference == operation.reference && progress_of(seen.name) > progress_of(best.name)) best = seen;
  }
  return best;
}

Observation read_error(const Operation& operation, int status, const Json& body) {
  const Json& error = member(body, "error");
  const std::string code = text_in(error, "code");
  if (code == "payment_intent_unexpected_state" && member(error, "payment_intent").is_object()) {
    Observation seen = read_intent(member(error, "payment_intent"));
    judge_hold(operation, seen);
    return seen;
  }
  Observation seen = refused(operation, status, code, text_in(error, "message"));
  if (code == "lock_timeout") seen.name = Class::busy;
  if (code == "charge_already_refunded" && operation.kind == Kind::refund) seen.name = Class::ambiguous;
  if (status == 402 && !operation.query) {
    seen.name = Class::declined;
    const std::string decline = text_in(error, "decline_code");
    if (!decline.empty()) seen.code = decline;
    const std::string intent = text_in(member(error, "payment_intent"), "id");
    if (!intent.empty()) seen.provider_ref = seen.payment_ref = intent;
    if (!intent.empty()) seen.refs = {intent};
  }
  return seen;
}

Observation answer(const Operation& operation, int status, const Json& body) {
  if (status >= 400) return read_error(operation, status, body);
  const std::string object = text_in(body, "object");
  Observation seen;
  if (object == "list" || object == "search_result")
    seen = read_list(operation, body);
  else if (object == "payment_intent")
    seen = read_intent(body);
  else if (object == "refund")
    seen = read_refund(body);
  else
    seen.message = "the answer is neither an intent nor a refund";
  judge_hold(operation, seen);
  count(operation, seen);
  return seen;
}

std::vector<Observation> event(const Json& body) {
  const Json& object = member(member(body, "data"), "object");
  const std::string kind = text_in(object, "object");
  if (kind == "payment_intent") return {read_intent(object)};
  if (kind == "refund") return {read_refund(object)};
  return {};
}

}  // namespace

const Adapter stripe{"stripe", Login::bearer, request, answer, event};

}  // namespace tenfold::payment
