#include "kernel/error.hpp"

#include <algorithm>
#include <array>

namespace tenfold {
namespace {

// Standard SQLSTATEs where clients already act on them; else class TF: TF0 installer (TF01 identity, TF02
// jobs), TFG geo, TFH hotel, TFP payment. No status is 503: PostgREST takes that for a lost database, closes
// its connections and reads its schema anew.
constexpr std::array rows{
    CodeRow{Code::null_value, "22004", "null_value", 400, "a required value is NULL"},
    CodeRow{Code::invalid_parameter, "22023", "invalid_parameter", 400,
            "a value is not one of those allowed"},
    CodeRow{Code::wrong_type, "42804", "wrong_type", 500, "a column is of another type than expected"},
    CodeRow{Code::feature_not_supported, "0A000", "feature_not_supported", 501,
            "not available in this version"},
    CodeRow{Code::out_of_memory, "53200", "out_of_memory", 502, "an allocation failed"},
    CodeRow{Code::query_canceled, "57014", "query_canceled", 504, "it took too long, or somebody stopped it"},
    CodeRow{Code::internal, "XX000", "internal", 500, "a broken invariant: please report it"},
    CodeRow{Code::invalid_coordinate, "TFG01", "invalid_coordinate", 400,
            "latitude or longitude out of range"},
    CodeRow{Code::invalid_radius, "TFG02", "invalid_radius", 400,
            "radius not between 0 and half the Earth's girth"},
    CodeRow{Code::invalid_geohash, "TFG03", "invalid_geohash", 400, "text is no geohash"},
    CodeRow{Code::invalid_precision, "TFG04", "invalid_precision", 400, "geohash precision not in 1 … 12"},
    CodeRow{Code::invalid_limit, "TFH01", "invalid_limit", 400, "limit out of range"},
    CodeRow{Code::unknown_amenity, "TFH02", "unknown_amenity", 400, "amenity is not in hotel.amenity"},
    CodeRow{Code::invalid_filter, "TFH03", "invalid_filter", 400,
            "stars, rating or price filter out of range"},
    CodeRow{Code::hotel_not_found, "TFH04", "hotel_not_found", 404, "no hotel has this id"},
    CodeRow{Code::version_conflict, "TFH05", "version_conflict", 412, "the hotel changed since it was read"},
    CodeRow{Code::unknown_module, "TF001", "unknown_module", 400, "tenfold has no module of this name"},
    CodeRow{Code::foreign_schema, "TF002", "foreign_schema", 409,
            "a schema of this name exists and is not tenfold's"},
    CodeRow{Code::missing_role, "TF003", "missing_role", 409, "tenfold's roles do not exist yet"},
    CodeRow{Code::missing_extension, "TF004", "missing_extension", 409,
            "a module needs an extension that is absent"},
    CodeRow{Code::not_confirmed, "TF005", "not_confirmed", 409, "a destructive call was not confirmed"},
    CodeRow{Code::migration_changed, "TF006", "migration_changed", 409,
            "an applied migration differs from its source"},
    CodeRow{Code::tables_exist, "TF007", "tables_exist", 409,
            "DROP EXTENSION while tenfold's tables hold data"},
    CodeRow{Code::no_signing_key, "TF010", "no_signing_key", 502, "the keys that sign tokens are not set up"},
    CodeRow{Code::invalid_login, "TF011", "invalid_login", 401, "no account has this email and password"},
    CodeRow{Code::invalid_token, "TF012", "invalid_token", 401,
            "the token is expired, revoked, used already, or not for us"},
    CodeRow{Code::unknown_account, "TF013", "unknown_account", 404, "no account has this email"},
    CodeRow{Code::not_preloaded, "TF008", "not_preloaded", 502,
            "shared memory is needed, and the library was not preloaded"},
    CodeRow{Code::rate_limited, "TF030", "rate_limited", 429, "too many in too short a time"},
    CodeRow{Code::unknown_queue, "TF020", "unknown_queue", 404, "no queue has this name"},
    CodeRow{Code::stale_lease, "TF021", "stale_lease", 409, "the lease of a job is over"},
    CodeRow{Code::payload_too_large, "TF022", "payload_too_large", 413,
            "a payload is larger than its queue takes"},
    CodeRow{Code::key_too_long, "TF023", "key_too_long", 400, "a key has more than 255 characters"},
    CodeRow{Code::unknown_job, "TF024", "unknown_job", 404, "no job has this id"},
    CodeRow{Code::invalid_priority, "TF025", "invalid_priority", 400, "a priority is not in 0 … 9"},
    CodeRow{Code::invalid_run_at, "TF026", "invalid_run_at", 400, "run_at is more than a year ahead"},
    CodeRow{Code::invalid_schedule, "TF027", "invalid_schedule", 400,
            "a schedule is neither cron's nor an interval of whole minutes"},
    CodeRow{Code::unknown_recurring_job, "TF028", "unknown_recurring_job", 404,
            "no recurring job has this name"},
    CodeRow{Code::unknown_provider, "TF040", "unknown_provider", 404, "no provider has this name"},
    CodeRow{Code::stale_consumer, "TF050", "stale_consumer", 409, "a consumer has another owner by now"},
    CodeRow{Code::position_moved, "TF051", "position_moved", 409,
            "a consumer is at another position: this was done before"},
    CodeRow{Code::unknown_consumer, "TF052", "unknown_consumer", 404, "no consumer has this name"},
    CodeRow{Code::unknown_topic, "TF053", "unknown_topic", 404, "no topic has this name"},
    CodeRow{Code::invalid_event, "TF054", "invalid_event", 422,
            "a payload that its topic's schema does not allow, or headers that are not texts"},
    CodeRow{Code::event_too_large, "TF055", "event_too_large", 413,
            "an event is larger than its topic takes"},
    CodeRow{Code::unknown_event, "TF056", "unknown_event", 404,
            "no such event is in the consumer's batch, or waits for a retry"},
    CodeRow{Code::relay_refuses_nothing, "TF060", "relay_refuses_nothing", 409,
            "a relay was told whom to believe, and has no doubt"},
    CodeRow{Code::unknown_kafka_sink, "TF061", "unknown_kafka_sink", 404,
            "no source reads this topic or partition of Kafka"},
    CodeRow{Code::stale_kafka_offset, "TF062", "stale_kafka_offset", 409,
            "a partition of Kafka is at another offset, or another's"},
    CodeRow{Code::sequence_exhausted, "2200H", "sequence_exhausted", 400,
            "a sequence has no number left that an id has room for"},
    CodeRow{Code::payment_key_missing, "TFP01", "payment_key_missing", 400,
            "a payment's request has no idempotency key, or one that is too long"},
    CodeRow{Code::payment_malformed, "TFP02", "payment_malformed", 400,
            "a body contradicts its header or token, or says something twice"},
    CodeRow{Code::payment_key_reused, "TFP03", "payment_key_reused", 422,
            "this idempotency key was used for another request"},
    CodeRow{Code::payment_key_in_flight, "TFP04", "payment_key_in_flight", 409,
            "a request with this idempotency key is being answered"},
    CodeRow{Code::payment_amount, "TFP05", "payment_amount", 422,
            "an amount is not above 0, or has more digits than its currency"},
    CodeRow{Code::payment_currency, "TFP06", "payment_currency", 422,
            "no currency in use has this ISO 4217 code"},
    CodeRow{Code::payment_route, "TFP07", "payment_route", 422,
            "no provider takes this method, currency and country"},
    CodeRow{Code::payment_card_number, "TFP08", "payment_card_number", 422,
            "a request holds what looks like the number of a card"},
    CodeRow{Code::unknown_payment, "TFP09", "unknown_payment", 404,
            "the merchant has no such payment, operation or endpoint"},
    CodeRow{Code::payment_state, "TFP10", "payment_state", 409, "the payment's state does not allow it"},
    CodeRow{Code::payment_above_held, "TFP11", "payment_above_held", 422,
            "more than is held, captured, or left to refund"},
    CodeRow{Code::payment_saturated, "TFP12", "payment_saturated", 429,
            "more payments than the providers can take in time"},
    CodeRow{Code::payment_signature, "TFP13", "payment_signature", 401,
            "a webhook's signature is missing, wrong or too old"},
    CodeRow{Code::payment_webhook_url, "TFP14", "payment_webhook_url", 422,
            "a webhook's URL is not one that may be called"},
    CodeRow{Code::no_merchant, "TFP15", "no_merchant", 403, "this account acts for no merchant"},
    CodeRow{Code::payment_declined, "TFP16", "payment_declined", 402, "the payment was declined"},
};

constexpr bool in_order() {
  for (size_t i = 0; i < rows.size(); i++)
    if (rows[i].code != static_cast<Code>(i)) return false;
  return true;
}
static_assert(in_order(), "the rows stand in the order of enum Code, so that row_of() is an index");

}  // namespace

std::span<const CodeRow> error_codes() {
  return rows;
}

const CodeRow& row_of(Code code) {
  return rows[static_cast<size_t>(code)];
}

int http_status_of(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 4> repeatable{"40001", "40P01", "55P03", "23P01"};
  if (std::ranges::count(repeatable, sqlstate) > 0) return 409;
  if (sqlstate == "57014") return 504;
  if (sqlstate == "53400") return 0;
  for (const std::string_view away : {"08", "53", "57P"})
    if (sqlstate.starts_with(away)) return 502;
  if (!sqlstate.starts_with("TF") && sqlstate != "0A000") return 0;
  const auto row =
      std::ranges::find(rows, sqlstate, [](const CodeRow& r) { return std::string_view(r.sqlstate); });
  return row == rows.end() ? 0 : row->http_status;
}

}  // namespace tenfold
