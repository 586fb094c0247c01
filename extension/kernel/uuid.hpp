// UUIDs (RFC 9562): version 5 of a name, version 7 with a bucket.
#pragma once

#include "kernel/wall.hpp"

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold {

using Uuid = std::array<uint8_t, 16>;  // as they are written, from left to right

// The first 128 bits of the SHA-1 of namespace and name, with version and variant written over them.
Uuid uuid_v5(const Uuid& name_space, std::string_view name);

// 48 bits of Unix milliseconds, version, 10 bits of bucket, the upper 2 bits of `tail`, variant, its lower 62
// bits.
Uuid uuid_v7(uint64_t milliseconds, int bucket, uint64_t tail);

// Errors: 22023 one that is not of version 7.
Result<int> bucket_of(const Uuid& id);

// Hands out uuids of version 7 so that those of one bucket ascend. Of two buckets the lower comes first
// within a millisecond: the bucket stands before what counts.
//
// All 64 bits of the tail count (RFC 9562 §6.2, method 2): a new millisecond starts at 63 random bits, each
// further id of the same one adds 1 … 2^32, at random, so that nobody guesses a neighbour. A clock that
// stands still or goes back is the same millisecond; a tail that overflows borrows the next one.
class UuidClock {
 public:
  // Goes on after an id of that time and tail.
  explicit UuidClock(uint64_t milliseconds = 0, uint64_t tail = 0)
      : milliseconds_(milliseconds), tail_(tail) {}

  // `bucket` was checked, `random` has 64 random bits.
  Uuid next(int64_t milliseconds, int bucket, uint64_t random);

 private:
  void begin(uint64_t milliseconds, uint64_t random);

  uint64_t milliseconds_;
  uint64_t tail_;
};

}  // namespace tenfold
