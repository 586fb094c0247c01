#include "pg/elements.hpp"

extern "C" {
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

namespace tenfold::pg {

void refuse_dimensions(const ArrayType* array, const char* name) {
  if (ARR_NDIM(array) > 1)
    ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
            errmsg("%s is an array of %d dimensions", name, ARR_NDIM(array)), errhint("A list has one."));
}

Elements Elements::of(const NullableDatum& array, Oid type, const char* name) {
  Elements e;
  if (array.isnull) return e;
  ArrayType* list = DatumGetArrayTypeP(array.value);  // type: below, of the elements
  refuse_dimensions(list, name);
  if (ARR_ELEMTYPE(list) != type)
    ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
            errmsg("%s is an array of %s, not of %s", name, format_type_be(ARR_ELEMTYPE(list)),
                   format_type_be(type)),
            errhint("ALTER EXTENSION tenfold UPDATE declares its functions anew."));
  int16 length;
  bool by_value;
  char align;
  get_typlenbyvalalign(type, &length, &by_value, &align);
  deconstruct_array(list, type, length, by_value, align, &e.values, &e.nulls, &e.count);
  return e;
}

}  // namespace tenfold::pg
