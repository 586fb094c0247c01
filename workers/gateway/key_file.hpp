// The file with the keys of tokens, and whether it has changed since it was read.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <tuple>
#include <vector>

#include "workers/gateway/jwt.hpp"

namespace tenfold::gateway {

// The content of a file that holds secrets. Throws std::runtime_error: it cannot be read, or others than its
// owner can read it. (What systemd hands out by LoadCredential is in a folder that only the service can
// enter, whatever the mode of the file.)
std::string read_secret_file(const std::string& path);

class KeyFile {
 public:
  // An empty path: there is no file, and no key.
  explicit KeyFile(std::string path) : path_(std::move(path)) {}

  // Throws std::runtime_error that names the file and the way out; it counts as read all the same.
  std::vector<Key> read();
  // Whether it is another file than the one that was read, by inode, size and time of change.
  bool is_changed() const;

 private:
  // Device, inode, size, seconds and nanoseconds; all zero where there is no file.
  using Version = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;

  Version version() const;

  std::string path_;
  Version read_;
};

}  // namespace tenfold::gateway
