// The elements of an array argument, by position whatever its bounds. Plain memory of the call, no
// destructor: for code that runs inside pg::call.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

// Raises 2202E for an array of several dimensions. Through pg::call.
void refuse_dimensions(const ArrayType* array, const char* name);

// After the last, and where the array is NULL, stand NULLs.
struct Elements {
  Datum* values = nullptr;
  bool* nulls = nullptr;
  int count = 0;

  // Raises 2202E for an array of several dimensions, 42804 for one of another type. Through pg::call.
  static Elements of(const NullableDatum& array, Oid type, const char* name);
  static Elements of_one(NullableDatum* one) { return {&one->value, &one->isnull, 1}; }

  bool is_null(int i) const { return i >= count || nulls[i]; }
};

}  // namespace tenfold::pg
