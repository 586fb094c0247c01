// The check of JSON against its schema, from Postgres's values.
#pragma once

#include "kernel/json_schema.hpp"
#include "pg/postgres.hpp"

namespace tenfold {

// A jsonb or json argument as a value; Failure with 22023 where json::parse gives an Error. NULL is null.
json::Value json_value(const NullableDatum& argument, Oid type);

// Failure with 22023 for what a body is not.
[[noreturn]] void refuse_body(const json::Problem& problem);

// Compiled before, in this backend, if it was asked for lately. The schema as text.
std::shared_ptr<const json::Schema> json_schema(std::string_view schema_text);

}  // namespace tenfold
