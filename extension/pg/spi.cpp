#include "pg/spi.hpp"

namespace tenfold::pg::spi {

SPIPlanPtr Query::plan() {
  if (!plan_) {
    plan_ = SPI_prepare(text_, static_cast<int>(types_.size()), types_.data());
    if (!plan_ || SPI_keepplan(plan_) != 0) elog(ERROR, "cannot prepare: %s", text_);
  }
  return plan_;
}

void Row::refuse_null(int column) const {
  const std::string name = NameStr(TupleDescAttr(table_->tupdesc, column)->attname);
  throw Failure{{Code::null_value, "column \"" + name + "\" of a table is NULL",
                 "Was the table altered? As it was installed, the column is NOT NULL."}};
}

uint64 connect_and_run(Query& query, std::span<const NullableDatum> parameters, bool read_only) {
  Datum values[FUNC_MAX_ARGS];
  char nulls[FUNC_MAX_ARGS];
  for (size_t i = 0; i < parameters.size(); i++) {
    values[i] = parameters[i].value;
    nulls[i] = parameters[i].isnull ? 'n' : ' ';
  }
  call([&] {
    SPI_connect();
    if (int code = SPI_execute_plan(query.plan(), values, nulls, read_only, 0); code < 0)
      elog(ERROR, "statement failed: %s", SPI_result_code_string(code));
  });
  return SPI_processed;
}

void disconnect() {
  call([] { SPI_finish(); });
}

}  // namespace tenfold::pg::spi
