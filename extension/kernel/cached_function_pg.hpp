// The functions of language tenfold_cached: what their answer hangs on, and how it is computed.
//
// The text is the function's own, and only a role that may use the language can write it. It runs as the
// function's owner and under fixed settings, with nothing of the request to be seen: so that all that an
// answer hangs on is known, and a plan is made for one role only.
#pragma once

#include "kernel/cache_recipe.hpp"

#include "pg/spi.hpp"

extern "C" {
#include <storage/itemptr.h>
}

namespace tenfold {

class CachedFunction {
 public:
  // The row of pg_proc; Failure if the function is not one that can be kept.
  explicit CachedFunction(HeapTuple row);
  CachedFunction(const CachedFunction&) = delete;
  CachedFunction& operator=(const CachedFunction&) = delete;
  ~CachedFunction();

  // Whether this is still what the row says.
  bool is_of(HeapTuple row) const;

  const CacheRecipe& recipe() const { return recipe_; }
  // The bytes of function and arguments: equal ones ask for the same.
  void append_key(std::string& key, FunctionCallInfo info) const;
  std::string tag(const CacheRecipe::Tag& tag, FunctionCallInfo info) const;

  // The one text that the query gives, by the active snapshot.
  std::optional<std::string> compute(FunctionCallInfo info);
  // As the validator does: an error where the text is no query.
  void prepare();

 private:
  struct Argument {
    Oid type;
    int16 length;
    bool by_value;
  };

  void plan();

  Oid oid_, owner_;
  TransactionId written_by_;
  ItemPointerData written_at_;
  std::string body_;
  std::vector<Argument> arguments_;
  CacheRecipe recipe_;
  MemoryContext memory_ = nullptr;  // of what the plan's parser is given
  SPIPlanPtr plan_ = nullptr;
};

// The function as it is now. Kept in this backend until it changes: at most so many, however many are made
// and dropped.
std::shared_ptr<CachedFunction> cached_function(Oid oid);

}  // namespace tenfold
