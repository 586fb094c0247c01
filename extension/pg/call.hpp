// The guard inwards: backend calls made from C++.
//
// An ereport longjmps. Over a live C++ object that leaks or worse, so while one is alive every backend call
// goes through call(), which turns the longjmp into a C++ exception. Inside the lambda itself no object with
// a destructor may live.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <access/xact.h>
#include <utils/resowner.h>
}

namespace tenfold::pg {

// An ereport(ERROR) on its way through C++ frames. The data is palloc'd and survives until the statement
// ends.
struct PgError {
  ErrorData* data;

  int sqlstate() const { return data->sqlerrcode; }
};

// The server's error handling state, put back on every way out: return, longjmp or exception.
class HandlerScope {
 public:
  HandlerScope() = default;
  HandlerScope(const HandlerScope&) = delete;
  HandlerScope& operator=(const HandlerScope&) = delete;
  ~HandlerScope() { restore(); }

  // Takes the error that was just caught out of the server's error state.
  PgError take_error() const;

 private:
  void restore() const {
    PG_exception_stack = handler_;
    error_context_stack = context_stack_;
  }

  sigjmp_buf* handler_ = PG_exception_stack;
  ErrorContextCallback* context_stack_ = error_context_stack;
  MemoryContext memory_ = CurrentMemoryContext;
};

// Runs f; an ereport inside it becomes a PgError thrown from here. There is no rollback: a caller that wants
// to go on after an error uses try_call, since a swallowed 23505 would commit what the failed statement had
// written. noinline: sigsetjmp must not share a frame with variables of the caller, or longjmp would clobber
// them.
template <class F>
[[gnu::noinline]] auto call(F&& f) -> std::invoke_result_t<F&> {
  HandlerScope scope;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) == 0) {
    PG_exception_stack = &here;
    return f();
  }
  throw scope.take_error();
}

// A subtransaction whose end is explicit: commit() or rollback(), each at most once.
class Subtransaction {
 public:
  Subtransaction();
  void commit();
  void rollback();

 private:
  void reenter();

  MemoryContext memory_;
  ResourceOwner owner_;
};

// Runs f in a subtransaction (some 9 µs). Gives f's value (std::monostate for void), or the error after
// everything f did was rolled back. 40001 and 40P01 belong to the client's retry: do not handle them here.
template <class F>
auto try_call(F&& f) {
  using Raw = std::invoke_result_t<F&>;
  using Value = std::conditional_t<std::is_void_v<Raw>, std::monostate, Raw>;
  using Outcome = std::variant<Value, PgError>;
  Subtransaction sub;
  try {
    Outcome outcome{std::in_place_index<0>, call([&]() -> Value {
                      if constexpr (std::is_void_v<Raw>)
                        return f(), Value{};
                      else
                        return f();
                    })};
    sub.commit();
    return outcome;
  } catch (const PgError& error) {
    sub.rollback();
    return Outcome{std::in_place_index<1>, error};
  } catch (...) {
    // Not ours to handle, but our subtransaction must not be the one that an outer handler then rolls back.
    sub.rollback();
    throw;
  }
}

// For pure code's long loops: reads the server's interrupt flag. After unwinding, the outward guard (or
// stop_if_asked) lets the server act on it.
bool interrupted();

// CHECK_FOR_INTERRUPTS, safe over live C++ objects.
void stop_if_asked();

}  // namespace tenfold::pg
