// Typed access to the arguments of a SQL function: read into plain values first, then think.
#pragma once

#include "pg/call.hpp"
#include "pg/postgres.hpp"

namespace tenfold::pg {

// Datum → value. Text views point into the argument (detoasted where needed) and live as long as the call.
template <class T>
T from_datum(Datum datum);

template <>
inline bool from_datum(Datum d) {
  return DatumGetBool(d);
}
template <>
inline int32_t from_datum(Datum d) {
  return DatumGetInt32(d);
}
template <>
inline int64_t from_datum(Datum d) {
  return DatumGetInt64(d);
}
template <>
inline double from_datum(Datum d) {
  return DatumGetFloat8(d);
}
template <>
std::string_view from_datum(Datum d);
template <>
std::vector<std::string_view> from_datum(Datum d);  // text[]; a NULL element is a Failure

// Whether a value of this SQL type is what from_datum<T> reads. An array is asked for its elements, too.
template <class T>
constexpr bool is_a(Oid type);

template <>
constexpr bool is_a<bool>(Oid type) {
  return type == BOOLOID;
}
template <>
constexpr bool is_a<int32_t>(Oid type) {
  return type == INT4OID;
}
template <>
constexpr bool is_a<int64_t>(Oid type) {
  return type == INT8OID;
}
template <>
constexpr bool is_a<double>(Oid type) {
  return type == FLOAT8OID;
}
template <>
constexpr bool is_a<std::string_view>(Oid type) {
  return type == TEXTOID || type == JSONOID || type == VARCHAROID;
}

// Failure with 42804 unless the row has such a column (from 0), of a type that `fits` says yes to.
void check_column(TupleDesc shape, int column, bool (*fits)(Oid));

// Arguments are of the types that CREATE FUNCTION said, which only a superuser can say for C.
class Args {
 public:
  explicit Args(FunctionCallInfo info) : info_(info) {}

  FunctionCallInfo info() const { return info_; }

  bool is_null(int i) const { return info_->args[i].isnull; }

  // The i-th argument, from 0; NULL is a Failure with SQLSTATE 22004 that names it.
  template <class T>
  T get(int i, const char* name) const {
    if (info_->args[i].isnull) refuse_null(name);
    return from_datum<T>(info_->args[i].value);
  }

  template <class T>
  std::optional<T> maybe(int i) const {
    if (info_->args[i].isnull) return std::nullopt;
    return from_datum<T>(info_->args[i].value);
  }

  // One that the caller reads by the type that it was declared to have.
  Datum any(int i, const char* name) const {
    if (info_->args[i].isnull) refuse_null(name);
    return info_->args[i].value;
  }

  // What the body returns for SQL's NULL.
  Datum null() const {
    info_->isnull = true;
    return 0;
  }

 private:
  [[noreturn]] static void refuse_null(const char* name);

  FunctionCallInfo info_;
};

}  // namespace tenfold::pg
