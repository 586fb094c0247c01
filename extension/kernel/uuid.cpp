#include "kernel/uuid.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <string>

#include "kernel/bucket.hpp"

namespace tenfold {
namespace {

constexpr uint8_t variant = 0b10;

void mark(Uuid& id, int version) {
  id[6] = static_cast<uint8_t>(version << 4 | (id[6] & 0x0F));
  id[8] = static_cast<uint8_t>(variant << 6 | (id[8] & 0x3F));
}

int version_of(const Uuid& id) {
  return id[8] >> 6 == variant ? id[6] >> 4 : 0;
}

// The last `count` bytes of a number, the highest first.
void write(uint8_t* to, uint64_t number, int count) {
  for (int i = 0; i < count; i++) to[i] = static_cast<uint8_t>(number >> 8 * (count - 1 - i));
}

}  // namespace

Uuid uuid_v5(const Uuid& name_space, std::string_view name) {
  std::string text(name_space.begin(), name_space.end());
  text += name;
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  Uuid id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  mark(id, 5);
  return id;
}

Uuid uuid_v7(uint64_t milliseconds, int bucket, uint64_t tail) {
  Uuid id;
  write(&id[0], milliseconds, 6);
  write(&id[6], static_cast<uint64_t>(bucket) << 2 | tail >> 62, 2);
  write(&id[8], tail, 8);
  mark(id, 7);
  return id;
}

Result<int> bucket_of(const Uuid& id) {
  if (version_of(id) == 7) return (id[6] & 0x0F) << 6 | id[7] >> 2;
  return Error{Code::invalid_parameter, "a uuid that is not of version 7 carries no bucket",
               "Uuids with a bucket come from tenfold.uuid_v7(bucket)."};
}

Uuid UuidClock::next(int64_t milliseconds, int bucket, uint64_t random) {
  const auto now = static_cast<uint64_t>(std::max<int64_t>(milliseconds, 0));
  const uint64_t step = (random & 0xFFFFFFFF) + 1;
  if (now > milliseconds_) {
    begin(now, random);
  } else if (tail_ + step < tail_) {
    begin(milliseconds_ + 1, random);
  } else {
    tail_ += step;
  }
  return uuid_v7(milliseconds_, bucket, tail_);
}

void UuidClock::begin(uint64_t milliseconds, uint64_t random) {
  milliseconds_ = milliseconds;
  tail_ = random >> 1;
}

}  // namespace tenfold
