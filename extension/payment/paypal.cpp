// PayPal: Orders v2 and Payments v2; JSON with decimal texts, an OAuth token, PayPal-Request-Id, our
// reference in custom_id. An order cannot be looked for by custom_id: who has no id asks by the same request
// id again.
#define JSON_NO_IO  // no iostream in the backend
#include <algorithm>
#include <nlohmann/json.hpp>

#include "payment/adapter.hpp"

namespace tenfold::payment {
namespace {

constexpr std::string_view declines[] = {"INSTRUMENT_DECLINED",
                                         "PAYER_CANNOT_PAY",
                                         "PAYER_ACCOUNT_RESTRICTED",
                                         "CARD_EXPIRED",
                                         "TRANSACTION_REFUSED",
                                         "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
                                         "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
                                         "AUTHORIZATION_EXPIRED",
                                         "REFUND_FAILED_INSUFFICIENT_FUNDS"};

std::string id_path(const char* collection, const std::string& id) {
  return collection + percent_encode(id);
}

ProviderRequest get(std::string path) {
  return {"GET", std::move(path), "", {}, true};
}

// Each step of an operation has a request id of its own.
ProviderRequest post(const Operation& operation, std::string path, const Json& body, const char* step = "") {
  return {"POST",
          std::move(path),
          body.is_null() ? "" : body.dump(),
          {{"Content-Type", "application/json"},
           {"PayPal-Request-Id", operation.key + step},
           {"Prefer", "return=representation"}},
          true};
}

std::string order_path(const Operation& operation) {
  return id_path("/v2/checkout/orders/", operation.provider_ref.substr(order_prefix.size()));
}

Result<ProviderRequest> question(const Operation& operation) {
  const std::string& ref = operation.provider_ref;
  if (ref.starts_with(order_prefix)) return get(order_path(operation));
  if (operation.kind == Kind::void_ || (operation.kind == Kind::capture && ref.empty()))
    return get(id_path("/v2/payments/authorizations/", operation.payment_ref));
  if (ref.empty())
    return not_supported(operation, "cannot be asked without an id: send the same request id again");
  switch (operation.kind) {
    case Kind::refund:
      return get(id_path("/v2/payments/refunds/", ref));
    case Kind::authorize:
      return get(id_path("/v2/payments/authorizations/", ref));
    default:
      return get(id_path("/v2/payments/captures/", ref));
  }
}

Json order_body(const Operation& operation, const Json& amount) {
  Json unit{{"reference_id", "default"}, {"custom_id", operation.reference}, {"amount", amount}};
  if (!operation.description.empty()) unit["description"] = operation.description;
  Json body{{"intent", operation.kind == Kind::authorize ? "AUTHORIZE" : "CAPTURE"},
            {"purchase_units", Json::array({unit})}};
  if (!operation.token.empty())
    body["payment_source"] = {{"token", {{"id", operation.token}, {"type", "PAYMENT_METHOD_TOKEN"}}}};
  return body;
}

Result<ProviderRequest> request(const Operation& operation) {
  if (operation.query) return question(operation);
  const auto units = to_provider(operation.amount_minor, operation.digits);
  if (!units) return units.error();
  const Json amount{{"currency_code", operation.currency},
                    {"value", decimal_text(*units, operation.digits.provider)}};
  switch (operation.kind) {
    case Kind::capture:
      return post(operation, id_path("/v2/payments/authorizations/", operation.payment_ref) + "/capture",
                  {{"amount", amount}, {"final_capture", true}});
    case Kind::void_:
      return post(operation, id_path("/v2/payments/authorizations/", operation.payment_ref) + "/void",
                  Json());
    case Kind::refund:
      return post(operation, id_path("/v2/payments/captures/", operation.payment_ref) + "/refund",
                  {{"amount", amount}, {"custom_id", operation.reference}});
    default:
      if (!operation.provider_ref.starts_with(order_prefix))
        return post(operation, "/v2/checkout/orders", order_body(operation, amount));
      return post(operation,
                  order_path(operation) + (operation.kind == Kind::authorize ? "/authorize" : "/capture"),
                  Json::object(), "-2");
  }
}

void read_money(const Json& object, Observation& seen) {
  const Json& amount = member(object, "amount");
  seen.provider_amount = text_in(amount, "value");
  seen.currency = text_in(amount, "currency_code");
}

Observation read_piece(const Json& piece) {
  Observation seen;
  seen.word = text_in(piece, "status");
  seen.provider_ref = text_in(piece, "id");
  seen.refs = {seen.provider_ref};
  seen.reference = text_in(piece, "custom_id");
  seen.code = text_in(member(piece, "status_details"), "reason");
  read_money(piece, seen);
  return seen;
}

Observation read_capture(const Json& capture) {
  Observation seen = read_piece(capture);
  seen.payment_ref = seen.provider_ref;
  const bool is_there =
      seen.word == "COMPLETED" || seen.word == "REFUNDED" || seen.word == "PARTIALLY_REFUNDED";
  seen.name = is_there                                           ? Class::succeeded
              : seen.word == "PENDING"                           ? Class::processing
              : seen.word == "DECLINED" || seen.word == "FAILED" ? Class::declined
                                                                 : Class::ambiguous;
  return seen;
}

Observation read_authorization(const Json& authorization) {
  Observation seen = read_piece(authorization);
  seen.payment_ref = seen.provider_ref;
  const bool is_captured = seen.word == "CAPTURED" || seen.word == "PARTIALLY_CAPTURED";
  seen.name = seen.word == "CREATED"   ? Class::authorized
              : is_captured            ? Class::succeeded
              : seen.word == "VOIDED"  ? Class::voided
              : seen.word == "PENDING" ? Class::processing
              : seen.word == "DENIED"  ? Class::declined
                                       : Class::ambiguous;
  return seen;
}

Observation read_refund(const Json& refund) {
  Observation seen = read_piece(refund);
  seen.name = seen.word == "COMPLETED"                            ? Class::succeeded
              : seen.word == "PENDING"                            ? Class::processing
              : seen.word == "FAILED" || seen.word == "CANCELLED" ? Class::declined
                                                                  : Class::ambiguous;
  return seen;
}

const Json& first(const Json& list) {
  static const Json none;
  return list.is_array() && !list.empty() ? list.front() : none;
}

std::string page_of(const Json& order) {
  for (const Json& link : member(order, "links"))
    if (const std::string rel = text_in(link, "rel"); rel == "payer-action" || rel == "approve")
      return text_in(link, "href");
  return "";
}

Observation read_order(const Json& order) {
  const Json& unit = first(member(order, "purchase_units"));
  const Json& payments = member(unit, "payments");
  Observation seen;
  if (const Json& capture = first(member(payments, "captures")); capture.is_object()) {
    seen = read_capture(capture);
  } else if (const Json& held = first(member(payments, "authorizations")); held.is_object()) {
    seen = read_authorization(held);
  } else {
    seen.word = text_in(order, "status");
    const bool waits = seen.word == "CREATED" || seen.word == "SAVED" || seen.word == "PAYER_ACTION_REQUIRED";
    seen.name = waits                     ? Class::requires_action
                : seen.word == "APPROVED" ? Class::approved
                : seen.word == "VOIDED"   ? Class::voided
                                          : Class::ambiguous;
    if (waits) seen.next_action = {{"type", "redirect"}, {"url", page_of(order)}};
    read_money(unit, seen);
  }
  seen.provider_ref = std::string(order_prefix) + text_in(order, "id");
  seen.refs.push_back(text_in(order, "id"));
  seen.reference = text_in(unit, "custom_id");
  return seen;
}

// An authorization that was captured tells nothing of how much.
void judge(const Operation& operation, Observation& seen) {
  if (const auto amount = read_decimal(seen.provider_amount, operation.digits.provider))
    seen.amount_minor = from_provider(*amount, operation.digits);
  judge_hold(operation, seen);
}

Observation read_error(const Operation& operation, int status, const Json& body) {
  const Json& detail = first(member(body, "details"));
  Observation seen = refused(operation, status, text_in(detail, "issue"), text_in(detail, "description"));
  if (seen.code.empty()) seen.code = text_in(body, "name");
  if (seen.message.empty()) seen.message = text_in(body, "message");
  const bool is_repeated =
      seen.code.find("ALREADY") != std::string::npos || seen.code == "PREVIOUS_REQUEST_IN_PROGRESS";
  if (is_repeated) seen.name = Class::ambiguous;
  if (seen.code == "ORDER_NOT_APPROVED" || seen.code == "PAYER_ACTION_REQUIRED")
    seen.name = Class::requires_action;
  if (!operation.query && std::ranges::count(declines, seen.code) > 0) seen.name = Class::declined;
  return seen;
}

Observation read_body(const Operation& operation, const Json& body) {
  if (body.contains("purchase_units") || body.contains("intent")) return read_order(body);
  if (operation.kind == Kind::refund) return read_refund(body);
  const bool is_authorization = operation.kind == Kind::void_ || operation.kind == Kind::authorize ||
                                (operation.query && operation.provider_ref.empty());
  return is_authorization ? read_authorization(body) : read_capture(body);
}

Observation answer(const Operation& operation, int status, const Json& body) {
  if (status >= 400) return read_error(operation, status, body);
  Observation seen;
  if (status == 204 && operation.kind == Kind::void_) {
    seen.name = Class::succeeded;
    seen.word = "204";
    return seen;
  }
  if (!body.is_object()) {
    seen.message = "the answer is no JSON object";
    return seen;
  }
  seen = read_body(operation, body);
  judge(operation, seen);
  return seen;
}

// Its signature is by a certificate, which nobody has looked at: it says only where to ask.
std::vector<Observation> event(const Json& body) {
  const Json& resource = member(body, "resource");
  Observation seen;
  seen.name = Class::hint;
  seen.word = text_in(body, "event_type");
  seen.reference = text_in(resource, "custom_id");
  if (seen.reference.empty())
    seen.reference = text_in(first(member(resource, "purchase_units")), "custom_id");
  const Json& related = member(member(resource, "supplementary_data"), "related_ids");
  for (const std::string& id : {text_in(resource, "id"), text_in(related, "order_id"),
                                text_in(related, "authorization_id"), text_in(related, "capture_id")})
    if (!id.empty()) seen.refs.push_back(id);
  if (seen.refs.empty() && seen.reference.empty()) return {};
  return {seen};
}

}  // namespace

const Adapter paypal{"paypal", Login::oauth, request, answer, event};

}  // namespace tenfold::payment
