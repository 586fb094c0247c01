// What a client is told when its request fails: PostgREST's form of an error.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "http/message.hpp"

namespace tenfold::gateway {

struct Problem {
  int status = 500;
  std::string code;  // PGRST…, or the SQLSTATE of Postgres
  std::string message;
  std::string hint = {};
  std::string details = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // Retry-After, Allow, WWW-Authenticate …
};

// Body {code, details, hint, message}; empty texts are null.
sidecar::HttpAnswer answer_of(const Problem& problem);

// A value, or the problem that stands in its way. (Result's Error has codes of tenfold; these are
// PostgREST's.)
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Problem problem) : held_(std::in_place_index<1>, std::move(problem)) {}

  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() { return std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  const Problem& problem() const { return std::get<1>(held_); }

 private:
  std::variant<T, Problem> held_;
};

}  // namespace tenfold::gateway
