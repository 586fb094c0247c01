// JSON written piece by piece into memory that grows before each piece, not at each character.
//
// Texts are escaped as the server's escape_json does: quote, backslash, and what lies below the blank;
// everything else stays as it is, in the database's encoding.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace tenfold {

class JsonText {
 public:
  JsonText() : JsonText(4096) {}
  explicit JsonText(size_t bytes) : capacity_(bytes), text_(new char[bytes]) {}

  // Room for so many bytes more; what was written there is told by advance().
  char* room(size_t bytes) {
    if (capacity_ - size_ < bytes) grow(bytes);
    return text_.get() + size_;
  }
  void advance(const char* end) { size_ = static_cast<size_t>(end - text_.get()); }

  // Text that is JSON already.
  void raw(std::string_view json) {
    std::memcpy(room(json.size()), json.data(), json.size());
    size_ += json.size();
  }
  void string(std::string_view text);
  void integer(int64_t number);

  std::string_view view() const { return {text_.get(), size_}; }

 private:
  void grow(size_t bytes);

  size_t size_ = 0, capacity_;
  std::unique_ptr<char[]> text_;
};

}  // namespace tenfold
