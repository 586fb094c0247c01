#include "pg/elements.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <utils/array.h>
#include <utils/lsyscache.h>
}

namespace pg = tenfold::pg;

namespace {

struct List {
  const char* name;
  bool may_hold_nulls;
  ArrayType* array;

  int count() const { return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)); }
};

void refuse_count(const List& list, const List& first) {
  ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
          errmsg("%d %s for %d %s", list.count(), list.name, first.count(), first.name),
          errhint("As many of each; arrays are read side by side."));
}

void check(const List& list, const List& first) {
  pg::refuse_dimensions(list.array, list.name);
  if (list.count() != first.count()) refuse_count(list, first);
  if (!list.may_hold_nulls && array_contains_nulls(list.array))
    ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s has a NULL", list.name),
            errhint("Leave NULLs out of the array."));
}

List list_of(FunctionCallInfo info, int i, char* name) {
  if (!OidIsValid(get_element_type(get_fn_expr_argtype(info->flinfo, i))))
    elog(ERROR, "argument %d of _check_lists is no array", i + 1);
  const size_t length = strlen(name);
  const bool may_hold_nulls = name[length - 1] == '?';
  if (may_hold_nulls) name[length - 1] = '\0';
  return {name, may_hold_nulls, DatumGetArrayTypeP(info->args[i].value)};  // type: declared
}

void check_lists(FunctionCallInfo info) {
  char* rest = text_to_cstring(DatumGetTextPP(info->args[0].value));  // type: declared
  List first{};
  for (int i = 1; i < info->nargs; i++) {
    char* name = strtok_r(rest, " ", &rest);
    if (name == nullptr) elog(ERROR, "_check_lists lacks the name of argument %d", i + 1);
    if (info->args[i].isnull) continue;
    const List list = list_of(info, i, name);
    if (first.array == nullptr) first = list;
    check(list, first);
  }
}

}  // namespace

TF_FUNCTION(tf_check_lists) {
  FunctionCallInfo info = args.info();
  pg::call([info] { check_lists(info); });
  return Datum{0};
}
