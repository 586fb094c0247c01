#include "kernel/cached_function_pg.hpp"

#include <map>

#include "pg/guard.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_collation_d.h>
#include <catalog/pg_proc.h>
#include <commands/proclang.h>
#include <executor/functions.h>
#include <nodes/params.h>
#include <utils/guc.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

namespace pg = tenfold::pg;

namespace {

constexpr size_t most_kept = 256;

// Whatever the caller has set, the answer is by these.
constexpr struct {
  const char *name, *value;
} fixed_settings[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"TimeZone", "UTC"},
    {"DateStyle", "ISO, MDY"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"},
    {"bytea_output", "hex"},
    {"xmlbinary", "base64"},
    {"xmloption", "content"},
    {"lc_monetary", "C"},
    {"lc_numeric", "C"},
    {"lc_time", "C"},
    {"default_text_search_config", "pg_catalog.simple"},
    {"standard_conforming_strings", "on"},
    {"backslash_quote", "safe_encoding"},
    {"array_nulls", "on"},
    {"transform_null_equals", "off"},
    {"quote_all_identifiers", "off"},
    {"row_security", "on"},
    {"request.jwt.claims", ""},
    {"request.headers", ""},
    {"request.cookies", ""},
    {"request.method", ""},
    {"request.path", ""},
};

// The caller's settings and role until leave(); after an error the end of the (sub)transaction brings them
// back.
struct Stage {
  Oid user = InvalidOid;
  int security = 0;
  int level = 0;

  void enter(Oid owner) {
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(owner, security | SECURITY_LOCAL_USERID_CHANGE);
    level = NewGUCNestLevel();
    for (const auto& [name, value] : fixed_settings)
      set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
  }
  void leave() const {
    AtEOXact_GUC(true, level);
    SetUserIdAndSecContext(user, security);
  }
};

tenfold::Failure unfit(const std::string& what) {
  return {{tenfold::Code::invalid_parameter, what,
           "A function of language tenfold_cached is STABLE, PARALLEL UNSAFE, and gives one json or text."}};
}

const FormData_pg_proc& form_of(HeapTuple row) {
  return *reinterpret_cast<const FormData_pg_proc*>(GETSTRUCT(row));
}

void check_form(const FormData_pg_proc& form) {
  if (form.prokind != PROKIND_FUNCTION || form.proretset ||
      (form.prorettype != JSONOID && form.prorettype != TEXTOID))
    throw unfit("the result is not one json or text");
  if (form.provolatile != PROVOLATILE_STABLE) throw unfit("the function is not STABLE");
  if (form.proparallel != PROPARALLEL_UNSAFE) throw unfit("the function is not PARALLEL UNSAFE");
}

std::string body_of(HeapTuple row) {
  return pg::call([&] {
    bool is_null = false;
    const Datum source = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_prosrc, &is_null);
    return is_null ? pstrdup("") : TextDatumGetCString(source);  // type: of the server's catalog
  });
}

std::vector<std::string> argument_names(HeapTuple row) {
  char** names = nullptr;
  const int count = pg::call([&] {
    bool no_names = false, no_modes = false;
    const Datum names_of = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_proargnames, &no_names);
    const Datum modes = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_proargmodes, &no_modes);
    return no_names ? 0 : get_func_input_arg_names(names_of, no_modes ? 0 : modes, &names);
  });
  std::vector<std::string> list(static_cast<size_t>(form_of(row).pronargs));
  for (int i = 0; i < count; i++)
    if (names[i] != nullptr) list[static_cast<size_t>(i)] = names[i];
  return list;
}

bool may_be_tag(Oid type) {
  return pg::is_a<std::string_view>(type) || pg::is_a<int32_t>(type) || pg::is_a<int64_t>(type);
}

}  // namespace

namespace tenfold {

CachedFunction::CachedFunction(HeapTuple row)
    : oid_(form_of(row).oid),
      owner_(form_of(row).proowner),
      written_by_(HeapTupleHeaderGetRawXmin(row->t_data)),
      written_at_(row->t_self),
      body_(body_of(row)) {
  const FormData_pg_proc& form = form_of(row);
  check_form(form);
  for (int i = 0; i < form.pronargs; i++) {
    Argument argument{form.proargtypes.values[i], 0, false};
    pg::call([&] { get_typlenbyval(argument.type, &argument.length, &argument.by_value); });
    if (pg::call([&] { return get_typtype(argument.type); }) == TYPTYPE_PSEUDO)
      throw unfit("argument " + std::to_string(i + 1) + " has no type of its own");
    arguments_.push_back(argument);
  }
  recipe_ = parse_recipe(body_, argument_names(row)).value();
  for (const auto& tag : recipe_.tags)
    if (tag.argument >= 0 && !may_be_tag(arguments_[static_cast<size_t>(tag.argument)].type))
      throw unfit("an argument in a tag is neither text nor a whole number");
}

CachedFunction::~CachedFunction() {
  if (plan_ != nullptr) SPI_freeplan(plan_);
  if (memory_ != nullptr) MemoryContextDelete(memory_);
}

bool CachedFunction::is_of(HeapTuple row) const {
  return written_by_ == HeapTupleHeaderGetRawXmin(row->t_data) &&
         ItemPointerEquals(const_cast<ItemPointer>(&written_at_), &row->t_self);
}

// Equal arguments may differ in their bytes (numeric 1.0 and 1.00): that only computes twice.
void CachedFunction::append_key(std::string& key, FunctionCallInfo info) const {
  const auto append = [&](const auto& part) {
    key.append(reinterpret_cast<const char*>(&part), sizeof part);
  };
  append(oid_);
  append(written_by_);
  append(written_at_);
  for (size_t i = 0; i < arguments_.size(); i++) {
    const auto& [value, is_null] = info->args[i];
    append(is_null);
    if (is_null) continue;
    if (arguments_[i].by_value) {
      append(value);
    } else if (arguments_[i].length > 0) {
      key.append(reinterpret_cast<const char*>(value), static_cast<size_t>(arguments_[i].length));
    } else {
      const auto bytes = pg::from_datum<std::string_view>(value);  // type: any varlena, for its bytes
      append(bytes.size());
      key.append(bytes);
    }
  }
}

std::string CachedFunction::tag(const CacheRecipe::Tag& tag, FunctionCallInfo info) const {
  if (tag.argument < 0 || info->args[tag.argument].isnull) return tag.text;
  const Datum value = info->args[tag.argument].value;
  const Oid type = arguments_[static_cast<size_t>(tag.argument)].type;
  if (pg::is_a<int32_t>(type))
    return tag.text + std::to_string(pg::from_datum<int32_t>(value));  // type: above
  if (pg::is_a<int64_t>(type))
    return tag.text + std::to_string(pg::from_datum<int64_t>(value));      // type: above
  return tag.text + std::string(pg::from_datum<std::string_view>(value));  // type: may_be_tag
}

// Arguments by their names, as in a function of language sql.
void CachedFunction::plan() {
  if (plan_ != nullptr) return;
  if (memory_ == nullptr)
    memory_ = AllocSetContextCreate(TopMemoryContext, "tenfold cached function", ALLOCSET_SMALL_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(memory_);
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid_));
  if (!HeapTupleIsValid(row)) elog(ERROR, "function %u has vanished", oid_);
  SQLFunctionParseInfoPtr names = prepare_sql_fn_parse_info(row, nullptr, DEFAULT_COLLATION_OID);
  ReleaseSysCache(row);
  MemoryContextSwitchTo(caller);
  SPIPlanPtr made =
      SPI_prepare_params(body_.c_str(), reinterpret_cast<ParserSetupHook>(sql_fn_parser_setup), names, 0);
  if (made == nullptr || SPI_keepplan(made) != 0) elog(ERROR, "cannot prepare the body of function %u", oid_);
  plan_ = made;
}

void CachedFunction::prepare() {
  pg::call([this] {
    Stage stage;
    stage.enter(owner_);
    SPI_connect();
    plan();
    SPI_finish();
    stage.leave();
  });
}

std::optional<std::string> CachedFunction::compute(FunctionCallInfo info) {
  Stage stage;
  pg::call([&] {
    stage.enter(owner_);
    SPI_connect();
    plan();
    ParamListInfo parameters = makeParamList(static_cast<int>(arguments_.size()));
    for (size_t i = 0; i < arguments_.size(); i++)
      parameters->params[i] = {info->args[i].value, info->args[i].isnull, PARAM_FLAG_CONST,
                               arguments_[i].type};
    SPIExecuteOptions options{};
    options.params = parameters;
    options.read_only = true;
    options.must_return_tuples = true;
    if (int code = SPI_execute_plan_extended(plan_, &options); code < 0)
      elog(ERROR, "statement failed: %s", SPI_result_code_string(code));
  });
  std::optional<std::string> value;
  if (SPI_processed > 0)
    if (const auto text = pg::spi::Row(SPI_tuptable, 0).get<std::string_view>(0)) value = std::string(*text);
  pg::call([&] {
    SPI_finish();
    stage.leave();
  });
  return value;
}

std::shared_ptr<CachedFunction> cached_function(Oid oid) {
  static std::map<Oid, std::shared_ptr<CachedFunction>> kept;
  HeapTuple row = pg::call([&] { return SearchSysCache1(PROCOID, ObjectIdGetDatum(oid)); });
  if (!HeapTupleIsValid(row)) throw unfit("function " + std::to_string(oid) + " has vanished");
  const std::unique_ptr<HeapTupleData, void (*)(HeapTuple)> held(row, ReleaseSysCache);
  const auto found = kept.find(oid);
  if (found != kept.end() && found->second->is_of(row)) return found->second;
  auto made = std::make_shared<CachedFunction>(row);
  if (kept.size() >= most_kept) kept.clear();
  return kept[oid] = std::move(made);
}

}  // namespace tenfold

// What CREATE FUNCTION asks.
TF_FUNCTION(tf_cached_validator) {
  const Oid oid = pg::call([info = args.info()] {
    const auto of = DatumGetObjectId(info->args[0].value);  // type: declared
    return CheckFunctionValidatorAccess(info->flinfo->fn_oid, of) ? of : InvalidOid;
  });
  if (OidIsValid(oid)) {
    const auto function = tenfold::cached_function(oid);
    if (check_function_bodies) function->prepare();
  }
  return 0;
}
