#include "kernel/bucket.hpp"

#include <openssl/evp.h>

#include <array>
#include <string>

namespace tenfold {

int bucket_of_key(std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(key.data(), key.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest[0] << 2 | digest[1] >> 6;
}

Result<int> checked_bucket(int bucket) {
  if (bucket >= 0 && bucket < bucket_count) return bucket;
  return Error{Code::invalid_parameter, "bucket " + std::to_string(bucket) + " is not in 0 … 1023",
               "tenfold.bucket_of_key(key) gives the bucket of a distribution key."};
}

Result<int64_t> id_of(int bucket, int64_t number, std::string_view sequence) {
  const auto checked = checked_bucket(bucket);
  if (!checked) return checked.error();
  if (number >= 0 && number < number_limit) return int64_t{*checked} << number_bits | number;
  return Error{Code::sequence_exhausted,
               "sequence \"" + std::string(sequence) + "\" gave " + std::to_string(number) +
                   ", and an id has room for 0 … 8796093022207",
               "Use another sequence, one that starts at 1, where its numbers are not yet given out."};
}

Result<int> bucket_of(int64_t id) {
  if (id >= 0 && id >> number_bits < bucket_count) return static_cast<int>(id >> number_bits);
  return Error{Code::invalid_parameter,
               "id " + std::to_string(id) + " carries no bucket: it is not in 0 … 2^53 - 1",
               "Ids with a bucket come from tenfold.next_id(sequence, bucket)."};
}

}  // namespace tenfold
