// Functions that fail in every way the guards must survive. tests/sql/pg/guard.sql declares and calls them.
#include <chrono>

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"

extern "C" {
PG_MODULE_MAGIC;
}

namespace pg = tenfold::pg;
using tenfold::Code;
using tenfold::Failure;

namespace {

int alive = 0;

// Counts itself: what a skipped destructor would leave behind shows.
struct Witness {
  Witness() { alive++; }
  ~Witness() { alive--; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
};

void run_sql(const std::string& sql) {
  pg::call([&] {
    SPI_connect();
    SPI_execute(sql.c_str(), false, 0);
    SPI_finish();
  });
}

}  // namespace

TF_FUNCTION(gt_alive) {
  return pg::datum(alive);
}

// Runs a statement with a C++ object alive above it, three frames deep.
TF_FUNCTION(gt_run) {
  const std::string sql(args.get<std::string_view>(0, "sql"));
  Witness outer;
  auto deeper = [&] {
    Witness inner;
    run_sql(sql);
  };
  deeper();
  return args.null();
}

// Runs a statement in a subtransaction; gives the SQLSTATE it failed with, or NULL.
TF_FUNCTION(gt_try) {
  const std::string sql(args.get<std::string_view>(0, "sql"));
  Witness witness;
  const auto outcome = pg::try_call([&] {
    SPI_connect();
    SPI_execute(sql.c_str(), false, 0);
    SPI_finish();
  });
  if (outcome.index() == 0) return args.null();
  return pg::datum(std::string_view(unpack_sql_state(std::get<1>(outcome).sqlstate())));
}

// Throws out of a subtransaction something that nobody handles.
TF_FUNCTION(gt_throw_in_subtransaction) {
  Witness witness;
  pg::try_call([]() -> int { throw 42; });
  return args.null();
}

TF_FUNCTION(gt_throw_unknown) {
  Witness witness;
  struct Stranger {};
  throw Stranger{};
}

TF_FUNCTION(gt_throw_failure) {
  Witness witness;
  throw Failure{{Code::unknown_amenity, "unknown amenity \"moat\"", "Dig one.", "A detail."}};
}

TF_FUNCTION(gt_throw_standard) {
  Witness witness;
  throw std::logic_error("the invariant is broken");
}

TF_FUNCTION(gt_new_too_much) {
  Witness witness;
#ifdef __SANITIZE_ADDRESS__  // whose operator new ends the process
  throw std::bad_alloc();
#else
  return pg::datum(static_cast<bool>(std::make_unique<char[]>(size_t{1} << 60)));
#endif
}

TF_FUNCTION(gt_palloc_too_much) {
  Witness witness;
  return pg::datum(pg::call([] { return MemoryContextAllocHuge(CurrentMemoryContext, size_t{1} << 60); }) !=
                   nullptr);
}

// Loops for ever, as pure code does: it polls, and unwinds when asked.
TF_FUNCTION(gt_spin) {
  Witness witness;
  const tenfold::StopCheck stop = pg::interrupted;
  while (!stop()) continue;
  throw Failure{{Code::query_canceled, "stopped"}};
}

TF_FUNCTION(gt_guarded) {
  return args.info()->args[0].value;
}

extern "C" {
PG_FUNCTION_INFO_V1(gt_bare);
Datum gt_bare(PG_FUNCTION_ARGS) {
  return PG_GETARG_DATUM(0);
}
}

namespace {

double nanoseconds_a_call(PGFunction function, int calls) {
  LOCAL_FCINFO(info, 1);
  FmgrInfo flinfo{};
  flinfo.fn_addr = function;
  InitFunctionCallInfoData(*info, &flinfo, 1, InvalidOid, nullptr, nullptr);
  info->args[0] = {Int32GetDatum(1), false};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; i++) {
    info->isnull = false;
    FunctionCallInvoke(info);
  }
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / calls;
}

}  // namespace

// What the guard adds to a call, in nanoseconds: the best of seven rounds, bare and guarded in turn.
TF_FUNCTION(gt_guard_cost) {
  const int calls = args.get<int32_t>(0, "calls");
  double least = 1e9;
  for (int round = 0; round < 7; round++)
    least = std::min(least, nanoseconds_a_call(gt_guarded, calls) - nanoseconds_a_call(gt_bare, calls));
  return pg::datum(least);
}
