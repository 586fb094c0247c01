#include "pg/args.hpp"

#include "pg/elements.hpp"

namespace tenfold::pg {
namespace {

std::string_view view_of(const text* t) {
  return {VARDATA_ANY(t), static_cast<size_t>(VARSIZE_ANY_EXHDR(t))};
}

}  // namespace

template <>
std::string_view from_datum(Datum d) {
  auto* raw = reinterpret_cast<varlena*>(DatumGetPointer(d));
  if (!VARATT_IS_EXTENDED(raw) || VARATT_IS_SHORT(raw)) return view_of(raw);
  return view_of(call([&] { return pg_detoast_datum_packed(raw); }));
}

template <>
std::vector<std::string_view> from_datum(Datum d) {
  const Elements list = call([d] { return Elements::of({d, false}, TEXTOID, "a list of texts"); });
  std::vector<std::string_view> views;
  views.reserve(list.count);
  for (int i = 0; i < list.count; i++) {
    if (list.nulls[i])
      throw Failure{{Code::null_value, "an array element is NULL", "Leave NULLs out of the array."}};
    views.push_back(from_datum<std::string_view>(list.values[i]));
  }
  return views;
}

void check_column(TupleDesc shape, int column, bool (*fits)(Oid)) {
  const bool is_there = column < shape->natts;
  if (is_there && fits(TupleDescAttr(shape, column)->atttypid)) return;
  const char* name = is_there ? NameStr(TupleDescAttr(shape, column)->attname) : "";
  throw Failure{{Code::wrong_type,
                 is_there ? "column \"" + std::string(name) + "\" is of another type than expected"
                          : "a row has no column " + std::to_string(column + 1),
                 "Was the table altered? Give it back the type that the installer gave it."}};
}

void Args::refuse_null(const char* name) {
  throw Failure{{Code::null_value, std::string(name) + " must not be NULL",
                 std::string("Give a value for ") + name + "."}};
}

}  // namespace tenfold::pg
