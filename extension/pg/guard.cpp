#include "pg/guard.hpp"

#include "pg/errors.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

namespace tenfold::pg {
namespace {

// An error after its C++ frames are gone: plain memory, so that the longjmp which raises it leaks nothing.
struct Report {
  ErrorData* original = nullptr;
  bool interrupted = false;
  int sqlstate = ERRCODE_INTERNAL_ERROR;
  char message[1024];
  char detail[1024];
  char hint[1024];

  // Not cut within a character.
  static void copy(char (&to)[1024], const char* from) noexcept {
    const size_t length = strlen(from);
    const size_t kept =
        length < sizeof to ? length
                           : static_cast<size_t>(pg_mbcliplen(from, static_cast<int>(length), sizeof to - 1));
    memcpy(to, from, kept);
    to[kept] = '\0';
  }

  void write(int state, const char* m, const char* d, const char* h) noexcept {
    sqlstate = state;
    copy(message, m);
    copy(detail, d);
    copy(hint, h);
  }
  void write(const Error& e) noexcept {
    interrupted = e.code == Code::query_canceled;
    write(sqlstate_of(e.code), e.message.c_str(), e.detail.c_str(), e.hint.c_str());
  }
};

constexpr const char* report_it =
    "This is a bug in tenfold: please report it with the statement that showed it.";

// Describes the exception in flight. The one place that may catch everything.
void describe(Report& report) noexcept {
  try {
    throw;
  } catch (const PgError& e) {
    report.original = e.data;
  } catch (const Failure& f) {
    report.write(f.error);
  } catch (const std::bad_alloc&) {
    report.write(ERRCODE_OUT_OF_MEMORY, "out of memory", "An allocation in C++ failed.", "");
  } catch (const std::exception& e) {
    report.write(ERRCODE_INTERNAL_ERROR, e.what(), "", report_it);
  } catch (...) {
    report.write(ERRCODE_INTERNAL_ERROR, "exception of unknown type", "", report_it);
  }
}

[[noreturn]] void raise(const Report& report) {
  if (report.original) ReThrowError(report.original);
  if (report.interrupted) CHECK_FOR_INTERRUPTS();
  ereport(ERROR, errcode(report.sqlstate), errmsg_internal("%s", report.message),
          report.detail[0] ? errdetail_internal("%s", report.detail) : 0,
          report.hint[0] ? errhint("%s", report.hint) : 0);
  pg_unreachable();
}

}  // namespace

Datum guarded(Body body, FunctionCallInfo fcinfo) {
  Report report;
  try {
    Args args(fcinfo);
    return body(args);
  } catch (...) {
    describe(report);
  }
  raise(report);
}

}  // namespace tenfold::pg
