#include "kernel/json_schema_pg.hpp"

#include <unordered_map>

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/jsonb.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

namespace pg = tenfold::pg;
namespace json = tenfold::json;

namespace {

constexpr size_t most_kept = 256;

// Null where a number would be a text of more digits than any that is taken: it may have 131,072.
const char* text_of(Datum datum, Oid type) {
  return pg::call([&]() -> const char* {
    const char* written = nullptr;
    if (type == JSONOID) {
      written = TextDatumGetCString(datum);  // type: the caller's word
    } else {
      Jsonb* value = DatumGetJsonbP(datum);  // type: the caller's word
      if (pg::jsonb_longest_number(value) > json::most_digits + 2) return nullptr;
      written = JsonbToCString(nullptr, &value->root, VARSIZE(value));
    }
    return pg_server_to_any(written, static_cast<int>(strlen(written)), PG_UTF8);
  });
}

tenfold::Result<json::Value> read(const NullableDatum& argument, Oid type) {
  if (argument.isnull) return json::Value{};
  const char* text = text_of(argument.value, type);
  return json::parse(text == nullptr ? std::string(json::most_digits + 1, '9') : text);
}

// In the encoding of the database.
std::string from_utf8(const std::string& text) {
  return pg::call([&] { return pg_any_to_server(text.data(), static_cast<int>(text.size()), PG_UTF8); });
}

// What a schema from SQL is known by is its bytes.
std::shared_ptr<const json::Schema> schema_of(const NullableDatum& argument) {
  const char* text = argument.isnull ? nullptr : text_of(argument.value, JSONBOID);
  return tenfold::json_schema(text == nullptr ? "null" : text);
}

}  // namespace

json::Value tenfold::json_value(const NullableDatum& argument, Oid type) {
  auto value = read(argument, type);
  if (!value) refuse_body({"", value.error().message, value.error().hint});
  return *std::move(value);
}

void tenfold::refuse_body(const json::Problem& problem) {
  const std::string subject = problem.pointer.empty() ? "the body" : problem.pointer + " of the body";
  throw Failure{{Code::invalid_parameter, from_utf8(subject + " " + problem.what),
                 problem.hint.empty() ? "openapi.json describes it." : from_utf8(problem.hint),
                 from_utf8(problem.pointer)}};
}

std::shared_ptr<const json::Schema> tenfold::json_schema(std::string_view schema_text) {
  static std::unordered_map<std::string, std::shared_ptr<const json::Schema>> kept;
  const std::string key(schema_text);
  const auto found = kept.find(key);
  if (found != kept.end()) return found->second;
  auto compiled = json::Schema::compile(json::parse(schema_text).value()).value();
  if (kept.size() >= most_kept) kept.clear();
  return kept[key] = std::move(compiled);
}

TF_FUNCTION(tf_check_schema) {
  json::Schema::compile(tenfold::json_value(args.info()->args[0], JSONBOID),
                        tenfold::json_value(args.info()->args[1], JSONBOID))
      .value();
  return 0;
}

TF_FUNCTION(tf_check_json) {
  const auto schema = schema_of(args.info()->args[0]);
  const auto problem = schema->problem(tenfold::json_value(args.info()->args[1], JSONBOID));
  if (problem) tenfold::refuse_body(*problem);
  return 0;
}

TF_FUNCTION(tf_json_problem) {
  const auto schema = schema_of(args.info()->args[0]);
  const auto value = read(args.info()->args[1], JSONBOID);
  const auto problem =
      value ? schema->problem(*value) : json::Problem{"", value.error().message, value.error().hint};
  if (!problem) return args.null();
  const NullableDatum row[] = {pg::nullable(from_utf8(problem->pointer)),
                               pg::nullable(from_utf8(problem->what)),
                               pg::nullable(from_utf8(problem->hint))};
  return pg::row_datum(args.info(), row);
}
