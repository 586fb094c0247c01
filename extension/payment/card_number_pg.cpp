#include "payment/card_number.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;

TF_FUNCTION(tf_payment_card_number_in) {
  const auto where = tenfold::payment::card_number_in(args.get<std::string_view>(0, "value")).value();
  return where ? pg::datum(*where) : args.null();
}
