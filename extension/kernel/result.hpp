// Result<T>: a value or an Error. Pure code returns it; exceptions are for broken invariants only.
#pragma once

#include "kernel/wall.hpp"

#include <utility>
#include <variant>

#include "kernel/error.hpp"

namespace tenfold {

// Thrown by value(): at the edge of the pure code, where there is no one left to hand an Error to.
struct Failure {
  Error error;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : held_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return held_.index() == 0; }
  const T& operator*() const { return std::get<0>(held_); }
  T& operator*() { return std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  const Error& error() const { return std::get<1>(held_); }

  // The value, or throw Failure. For glue code, where the guard turns a Failure into an ereport.
  T value() && {
    if (!*this) throw Failure{std::get<1>(std::move(held_))};
    return std::get<0>(std::move(held_));
  }

 private:
  std::variant<T, Error> held_;
};

}  // namespace tenfold
