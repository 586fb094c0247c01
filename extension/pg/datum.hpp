// Value → Datum, for results.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

inline Datum datum(bool v) {
  return BoolGetDatum(v);
}
inline Datum datum(int16_t v) {
  return Int16GetDatum(v);
}
inline Datum datum(int32_t v) {
  return Int32GetDatum(v);
}
inline Datum datum(int64_t v) {
  return Int64GetDatum(v);
}
inline Datum datum(double v) {
  return Float8GetDatum(v);
}
Datum datum(std::string_view v);                 // text
Datum datum(std::span<const std::string> list);  // text[]

inline Datum datum(const char* v) {
  return datum(std::string_view(v));
}
inline Datum datum(const std::string& v) {
  return datum(std::string_view(v));
}

// Memory for a text of at most so many bytes; fill() writes them there and gives the end.
varlena* new_text(size_t most_bytes);

template <class Fill>
Datum text_datum(size_t most_bytes, Fill fill) {
  varlena* text = new_text(most_bytes);
  const char* end = fill(VARDATA(text));
  SET_VARSIZE(text, end - reinterpret_cast<char*>(text));
  return PointerGetDatum(text);
}

// A value with SQL's NULL beside it.
template <class T>
NullableDatum nullable(const T& v) {
  return {datum(v), false};
}
template <class T>
NullableDatum nullable(const std::optional<T>& v) {
  return v ? NullableDatum{datum(*v), false} : NullableDatum{0, true};
}

// A row as the function's declared composite result.
Datum row_datum(FunctionCallInfo info, std::span<const NullableDatum> columns);

// The rows of a set-returning function, kept in a tuplestore.
class Rows {
 public:
  explicit Rows(FunctionCallInfo info);

  template <class... T>
  void add(const T&... values) {
    const NullableDatum columns[] = {nullable(values)...};
    put(columns);
  }
  void put(std::span<const NullableDatum> columns);

 private:
  ReturnSetInfo* result_;
};

}  // namespace tenfold::pg
