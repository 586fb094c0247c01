// The one gateway to SQL from C++: typed parameters, plans prepared once per backend and kept.
#pragma once

#include "pg/args.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"

extern "C" {
#include <executor/spi.h>
}

namespace tenfold::pg::spi {

// A statement with schema-qualified text. Make it `static`: the plan lives as long as the backend.
class Query {
 public:
  template <size_t N>
  Query(const char* sql, const Oid (&types)[N]) : text_(sql), types_(types, types + N) {}
  explicit Query(const char* sql) : text_(sql) {}

  SPIPlanPtr plan();

 private:
  const char* text_;
  std::vector<Oid> types_;
  SPIPlanPtr plan_ = nullptr;
};

// One row of a result; columns count from 0. Texts live until the loop over the rows ends.
class Row {
 public:
  Row(const SPITupleTable* table, uint64 at) : table_(table), at_(at) {}

  // Whoever owns the table may have altered it, and the plan with it: a column of another type is an error.
  template <class T>
  std::optional<T> get(int column) const {
    check_column(table_->tupdesc, column, is_a<T>);
    bool is_null = false;
    Datum d = call([&] { return SPI_getbinval(table_->vals[at_], table_->tupdesc, column + 1, &is_null); });
    if (is_null) return std::nullopt;
    return from_datum<T>(d);
  }

  // Of a column that is NOT NULL as we made it: Failure with 22004.
  template <class T>
  T required(int column) const {
    const auto value = get<T>(column);
    if (!value) refuse_null(column);
    return *value;
  }

 private:
  [[noreturn]] void refuse_null(int column) const;

  const SPITupleTable* table_;
  uint64 at_;
};

// Runs a statement; gives the number of rows, in SPI_tuptable until disconnect(). read_only uses the caller's
// snapshot, as STABLE functions must.
uint64 connect_and_run(Query& query, std::span<const NullableDatum> parameters, bool read_only);
void disconnect();

// For each row of a read-only query. An exception leaves the connection to the transaction's abort.
template <class Each, class... P>
void for_each(Query& query, Each&& each, const P&... parameters) {
  const NullableDatum values[] = {nullable(parameters)..., NullableDatum{}};
  const uint64 count = connect_and_run(query, {values, sizeof...(P)}, true);
  const SPITupleTable* table = SPI_tuptable;  // a query inside `each` replaces the global
  for (uint64 i = 0; i < count; i++) each(Row(table, i));
  disconnect();
}

}  // namespace tenfold::pg::spi
