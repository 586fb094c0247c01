#include "payment/provider_call.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;
namespace payment = tenfold::payment;

TF_FUNCTION(tf_payment_body) {
  std::string call(args.get<std::string_view>(1, "call"));
  const auto operation = payment::read_operation(call).value();
  return pg::datum(payment::write_request(payment::request_of(operation).value()));
}

TF_FUNCTION(tf_payment_event) {
  const auto seen =
      payment::read_event(args.get<std::string_view>(0, "provider"), args.get<std::string_view>(1, "body"))
          .value();
  std::string text = "[";
  for (const auto& one : seen) {
    if (text.size() > 1) text += ',';
    text += '{' + payment::write_observation(one) + '}';
  }
  return pg::datum(text + ']');
}
