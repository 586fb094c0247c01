// What can go wrong, as values. One table of codes serves C++, SQL (tenfold.error_code) and HTTP.
#pragma once

#include "kernel/wall.hpp"

#include <span>
#include <string>
#include <string_view>

namespace tenfold {

// Names the SQLSTATE of an Error; the rows in error.cpp give each its text, HTTP status and meaning.
enum class Code {
  null_value,
  invalid_parameter,
  wrong_type,
  feature_not_supported,
  out_of_memory,
  query_canceled,
  internal,
  invalid_coordinate,
  invalid_radius,
  invalid_geohash,
  invalid_precision,
  invalid_limit,
  unknown_amenity,
  invalid_filter,
  hotel_not_found,
  version_conflict,
  unknown_module,
  foreign_schema,
  missing_role,
  missing_extension,
  not_confirmed,
  migration_changed,
  tables_exist,
  no_signing_key,
  invalid_login,
  invalid_token,
  unknown_account,
  not_preloaded,
  rate_limited,
  unknown_queue,
  stale_lease,
  payload_too_large,
  key_too_long,
  unknown_job,
  invalid_priority,
  invalid_run_at,
  invalid_schedule,
  unknown_recurring_job,
  unknown_provider,
  stale_consumer,
  position_moved,
  unknown_consumer,
  unknown_topic,
  invalid_event,
  event_too_large,
  unknown_event,
  relay_refuses_nothing,
  unknown_kafka_sink,
  stale_kafka_offset,
  sequence_exhausted,
  payment_key_missing,
  payment_malformed,
  payment_key_reused,
  payment_key_in_flight,
  payment_amount,
  payment_currency,
  payment_route,
  payment_card_number,
  unknown_payment,
  payment_state,
  payment_above_held,
  payment_saturated,
  payment_signature,
  payment_webhook_url,
  no_merchant,
  payment_declined,
};

struct CodeRow {
  Code code;
  char sqlstate[6];
  const char* name;  // snake_case, stable: clients may match on it
  int http_status;
  const char* meaning;  // one line for people
};

std::span<const CodeRow> error_codes();
const CodeRow& row_of(Code code);

// The HTTP status of an SQLSTATE where PostgREST's own would be another; 0: it is PostgREST's. Ours are those
// of the rows; what others changed meanwhile is 409, what took too long 504, what we depend on and is away
// 502.
int http_status_of(std::string_view sqlstate);

// A failure that a caller can act on. Message: lower case, names the thing and the value. Hint: what to do
// next.
struct Error {
  Code code = Code::internal;
  std::string message;
  std::string hint = {};
  std::string detail = {};
};

}  // namespace tenfold
