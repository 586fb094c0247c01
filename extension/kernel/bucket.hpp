// Buckets: the place of a row among cells or nodes, which an id that stands alone tells. There are 1,024 for
// ever; what lies where is a table of whoever routes. All of this is frozen: ids hold its results.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold {

constexpr int bucket_bits = 10;
constexpr int bucket_count = 1 << bucket_bits;

// An id is bucket << 43 | number: 53 bits, all that a double holds exactly, and so any JSON reader.
constexpr int number_bits = 43;
constexpr int64_t number_limit = int64_t{1} << number_bits;

// The first ten bits of the SHA-256 (FIPS 180-4) of the key's bytes, which are UTF-8. Numbers are keys by
// their decimal digits, uuids by their 36 lower-case characters, so that what stands in a path can be hashed
// as it stands there. SHA-256, because each router has it: nginx, Python, any Postgres.
int bucket_of_key(std::string_view key);

// Errors: 22023 a bucket that is not in 0 … 1023; 2200H a number that is not in 0 … 2^43 - 1, which comes
// from `sequence`.
Result<int> checked_bucket(int bucket);
Result<int64_t> id_of(int bucket, int64_t number, std::string_view sequence);

// Errors: 22023 an id of more than 53 bits.
Result<int> bucket_of(int64_t id);

}  // namespace tenfold
