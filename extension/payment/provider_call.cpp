#include "payment/provider_call.hpp"

#include <algorithm>
#include <array>

#define JSON_NO_IO  // no iostream in the backend
#include <nlohmann/json.hpp>

#include "payment/adapter.hpp"

namespace tenfold::payment {
namespace {

constexpr std::array<const char*, 5> kinds{"authorize", "charge", "capture", "void", "refund"};
constexpr size_t most_text = 500;  // of a provider's message

const Adapter* adapter_of(std::string_view shape) {
  for (const Adapter* one : {&stripe, &razorpay, &paypal})
    if (one->shape == shape) return one;
  return nullptr;
}

Error invalid(std::string message) {
  return {Code::invalid_parameter, std::move(message), "payment.begin_calls() writes operations."};
}

std::string shortened(std::string text) {
  if (text.size() <= most_text) return text;
  size_t size = most_text;
  while (size > 0 && (text[size] & 0xC0) == 0x80) size--;
  return text.substr(0, size);
}

void put(Json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

}  // namespace

const Json& member(const Json& value, std::string_view name) {
  static const Json none;
  if (!value.is_object()) return none;
  const auto found = value.find(name);
  return found == value.end() ? none : *found;
}

std::string text_in(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  return found.is_string() ? found.get<std::string>() : "";
}

std::optional<int64_t> integer_in(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  if (!found.is_number_integer()) return std::nullopt;
  return found.get<int64_t>();
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char byte : text) {
    const bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_' || byte == '.' ||
                          byte == '~';
    if (is_plain) {
      out += static_cast<char>(byte);
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string form_encode(const Form& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + '=' + percent_encode(value);
  }
  return text;
}

Error not_supported(const Operation& operation, std::string_view what) {
  return {Code::feature_not_supported, operation.shape + " " + std::string(what),
          "payment.capability says what a provider can do."};
}

Observation refused(const Operation& operation, int status, std::string code, std::string message) {
  Observation seen;
  seen.name = status == 409                      ? Class::ambiguous  // another call is under way
              : status == 404 && operation.query ? Class::not_found
              : operation.query                  ? Class::ambiguous  // we have learnt nothing
                                                 : Class::rejected;
  seen.word = std::to_string(status);
  seen.code = std::move(code);
  seen.message = std::move(message);
  return seen;
}

Class not_yet(const Operation& operation) {
  return operation.query ? Class::not_found : Class::ambiguous;
}

void judge_hold(const Operation& operation, Observation& seen) {
  if (operation.kind != Kind::capture && operation.kind != Kind::void_) return;
  const Class wanted = operation.kind == Kind::capture ? Class::succeeded : Class::voided;
  const bool is_over = seen.name == Class::succeeded || seen.name == Class::voided;
  if (is_over && seen.name != wanted) seen.code = "already_" + seen.word;
  if (is_over)
    seen.name = seen.name == wanted ? Class::succeeded : Class::declined;
  else if (seen.name != Class::processing && seen.name != Class::ambiguous)
    seen.name = not_yet(operation);
}

int progress_of(Class name) {
  switch (name) {
    case Class::succeeded:
      return 5;
    case Class::authorized:
      return 4;
    case Class::processing:
    case Class::ambiguous:
      return 3;
    case Class::requires_action:
    case Class::approved:
      return 2;
    case Class::declined:
    case Class::voided:
      return 1;
    default:
      return 0;
  }
}

Result<Operation> read_operation(std::string_view text) {
  const Json value = Json::parse(text, nullptr, false);
  if (!value.is_object()) return invalid("an operation is no JSON object");
  Operation operation;
  const std::string provider = text_in(value, "provider");
  operation.shape = provider.substr(0, provider.find('-'));
  if (adapter_of(operation.shape) == nullptr)
    return invalid("there is no adapter of shape \"" + operation.shape + "\"");
  const auto kind = std::ranges::find(kinds, text_in(value, "kind"));
  if (kind == kinds.end()) return invalid("an operation has no known kind");
  operation.kind = static_cast<Kind>(kind - kinds.begin());
  operation.query = text_in(value, "action") == "ask";
  operation.amount_minor = integer_in(value, "amount_minor").value_or(0);
  operation.currency = text_in(value, "currency");
  operation.digits.iso = static_cast<int>(integer_in(value, "exponent").value_or(2));
  operation.digits.provider =
      static_cast<int>(integer_in(value, "provider_exponent").value_or(operation.digits.iso));
  operation.digits.step = std::max<int64_t>(1, integer_in(value, "step").value_or(1));
  operation.key = text_in(value, "provider_key");
  operation.reference = text_in(value, "reference");
  operation.token = text_in(value, "payment_token");
  operation.payment_ref = text_in(value, "parent_ref");
  operation.provider_ref = text_in(value, "provider_ref");
  operation.description = text_in(member(value, "details"), "description");
  if (operation.reference.empty()) return invalid("an operation has no reference");
  return operation;
}

Result<ProviderRequest> request_of(const Operation& operation) {
  const Adapter* adapter = adapter_of(operation.shape);
  if (adapter == nullptr) return invalid("there is no adapter of shape \"" + operation.shape + "\"");
  return adapter->request(operation);
}

Result<ProviderRequest> next_request(const Operation& operation, std::string_view stored) {
  const bool is_first = operation.kind == Kind::authorize || operation.kind == Kind::charge;
  if (is_first && operation.provider_ref.starts_with(order_prefix)) return request_of(operation);
  return read_request(stored);
}

std::string write_request(const ProviderRequest& request) {
  const Json value{{"method", request.method},
                   {"path", request.path},
                   {"headers", request.headers},
                   {"body", request.body},
                   {"has_key", request.has_key}};
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ProviderRequest> read_request(std::string_view json) {
  const Json value = Json::parse(json, nullptr, false);
  ProviderRequest request{text_in(value, "method"),
                          text_in(value, "path"),
                          text_in(value, "body"),
                          {},
                          member(value, "has_key") == true};
  if (request.method.empty() || !request.path.starts_with('/'))
    return invalid("a request has no method and path");
  for (const auto& [name, header] : member(value, "headers").items())
    if (header.is_string()) request.headers[name] = header;
  return request;
}

Login login_of(std::string_view shape) {
  const Adapter* adapter = adapter_of(shape);
  return adapter == nullptr ? Login::bearer : adapter->login;
}

Observation read_answer(const Operation& operation, const Answer& answer) {
  Observation seen;
  if (const auto end = class_of_end(answer.reach, answer.status)) {
    seen.name = operation.query && !row_of(*end).try_again ? Class::ambiguous : *end;
    seen.word = answer.status == 0 ? "" : std::to_string(answer.status);
    seen.message = answer.error;
  } else {
    const Json body = answer.body.empty() ? Json() : Json::parse(answer.body, nullptr, false);
    const Adapter* adapter = adapter_of(operation.shape);
    if (body.is_discarded() || adapter == nullptr)
      seen.message = "the answer is no JSON";
    else
      seen = adapter->answer(operation, answer.status, body);
  }
  seen.retry_after = answer.retry_after;
  return seen;
}

Result<std::vector<Observation>> read_event(std::string_view shape, std::string_view text) {
  const Adapter* adapter = adapter_of(shape);
  const Json body = Json::parse(text, nullptr, false);
  if (adapter == nullptr || !body.is_object())
    return Error{Code::invalid_parameter, "an event is no JSON object", "Its provider sent something else."};
  return adapter->event(body);
}

std::string write_observation(const Observation& seen) {
  Json value{{"class", row_of(seen.name).text}};
  put(value, "word", seen.word);
  put(value, "provider_amount", seen.provider_amount);
  put(value, "currency", seen.currency);
  put(value, "provider_ref", seen.payment_ref.empty() ? seen.provider_ref : seen.payment_ref);
  put(value, "reference", seen.reference);
  put(value, "code", shortened(seen.code));
  put(value, "message", shortened(seen.message));
  if (seen.amount_minor) value["amount_minor"] = *seen.amount_minor;
  if (seen.retry_after) value["retry_after_s"] = *seen.retry_after;
  if (!seen.refs.empty()) value["refs"] = seen.refs;
  if (!seen.next_action.empty()) value["next_action"] = seen.next_action;
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

}  // namespace tenfold::payment
