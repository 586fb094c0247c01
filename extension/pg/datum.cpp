#include "pg/datum.hpp"

#include "pg/call.hpp"

namespace tenfold::pg {
namespace {

// The server wants values and nulls in two arrays. Wide enough for any row of ours.
struct Split {
  static constexpr size_t widest = 32;
  Datum values[widest];
  bool nulls[widest];

  explicit Split(std::span<const NullableDatum> columns) {
    Assert(columns.size() <= widest);
    for (size_t i = 0; i < columns.size(); i++) {
      values[i] = columns[i].value;
      nulls[i] = columns[i].isnull;
    }
  }
};

}  // namespace

Datum datum(std::string_view v) {
  return call(
      [&] { return PointerGetDatum(cstring_to_text_with_len(v.data(), static_cast<int>(v.size()))); });
}

varlena* new_text(size_t most_bytes) {
  return call([&] { return static_cast<varlena*>(palloc(VARHDRSZ + most_bytes)); });
}

Datum datum(std::span<const std::string> list) {
  std::vector<Datum> items;
  items.reserve(list.size());
  for (const auto& s : list) items.push_back(datum(std::string_view(s)));
  return call([&] {
    return PointerGetDatum(
        construct_array(items.data(), static_cast<int>(items.size()), TEXTOID, -1, false, TYPALIGN_INT));
  });
}

Datum row_datum(FunctionCallInfo info, std::span<const NullableDatum> columns) {
  Split split(columns);
  return call([&] {
    TupleDesc shape;
    if (get_call_result_type(info, nullptr, &shape) != TYPEFUNC_COMPOSITE)
      elog(ERROR, "function is not declared to return a row");
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), split.values, split.nulls));
  });
}

Rows::Rows(FunctionCallInfo info) : result_(reinterpret_cast<ReturnSetInfo*>(info->resultinfo)) {
  call([&] { InitMaterializedSRF(info, 0); });
}

void Rows::put(std::span<const NullableDatum> columns) {
  Split split(columns);
  call([&] { tuplestore_putvalues(result_->setResult, result_->setDesc, split.values, split.nulls); });
}

}  // namespace tenfold::pg
