#include "pg/json_value.hpp"

extern "C" {
#include <common/shortest_dec.h>
#include <nodes/makefuncs.h>
#include <utils/float.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
}

namespace tenfold::pg {
namespace {

// What the server's own to_json() needs to be called: it asks of what type its argument is.
std::unique_ptr<FmgrInfo> server_function(Oid type) {
  auto function = std::make_unique<FmgrInfo>();
  call([&] {
    Const* argument = makeNullConst(type, -1, get_typcollation(type));
    fmgr_info(F_TO_JSON, function.get());
    fmgr_info_set_expr(reinterpret_cast<Node*>(makeFuncExpr(F_TO_JSON, JSONOID, list_make1(argument),
                                                            InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL)),
                       function.get());
  });
  return function;
}

}  // namespace

void append_json(JsonText& json, double v) {
  if (std::isfinite(v) && extra_float_digits > 0) {
    char* out = json.room(DOUBLE_SHORTEST_DECIMAL_LEN);
    return json.advance(out + double_to_shortest_decimal_bufn(v, out));
  }
  const std::string_view text = call([&] { return float8out_internal(v); });
  std::isfinite(v) ? json.raw(text) : json.string(text);
}

std::string exact_text(double v) {
  char text[DOUBLE_SHORTEST_DECIMAL_LEN];
  return {text, static_cast<size_t>(double_to_shortest_decimal_bufn(v, text))};
}

JsonType::JsonType(Oid type) : type_(type) {
  switch (type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case FLOAT8OID:
    case TEXTOID:
    case VARCHAROID:
    case JSONOID:
      return;
    default:
      to_json_ = server_function(type);
  }
}

void JsonType::append(JsonText& json, Datum value) const {
  switch (type_) {
    case BOOLOID:  // type: this
      return append_json(json, from_datum<bool>(value));
    case INT2OID:  // type: this
      return append_json(json, DatumGetInt16(value));
    case INT4OID:  // type: this
      return append_json(json, from_datum<int32_t>(value));
    case INT8OID:  // type: this
      return append_json(json, from_datum<int64_t>(value));
    case FLOAT8OID:  // type: this
      return append_json(json, from_datum<double>(value));
    case TEXTOID:
    case VARCHAROID:  // type: this
      return append_json(json, from_datum<std::string_view>(value));
    case JSONOID:  // type: this
      return json.raw(from_datum<std::string_view>(value));
    default: {
      const Datum text = call([&] { return FunctionCall1(to_json_.get(), value); });
      return json.raw(from_datum<std::string_view>(text));  // type: of to_json()
    }
  }
}

}  // namespace tenfold::pg
