#include "workers/gateway/rotate_secret.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "workers/gateway/key_file.hpp"

namespace tenfold::gateway {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string base64url(const unsigned char* bytes, size_t size) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  unsigned count = 0;
  for (size_t i = 0; i < size; i++) {
    bits = bits << 8U | bytes[i];
    for (count += 8; count >= 6; count -= 6) text += letters[bits >> (count - 6) & 63U];
  }
  if (count > 0) text += letters[bits << (6 - count) & 63U];
  return text;
}

template <size_t size>
std::array<unsigned char, size> random_bytes() {
  std::array<unsigned char, size> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(size)) != 1)
    throw std::runtime_error("OpenSSL has no random bytes");
  return bytes;
}

std::string random_secret() {
  const auto bytes = random_bytes<32>();
  return base64url(bytes.data(), bytes.size());
}

// 20260131T120000Z-Hy48Tw: two of the same second differ too.
std::string new_id() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  const std::string time(text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ-", &parts));
  const auto bytes = random_bytes<4>();
  return time + base64url(bytes.data(), bytes.size());
}

// The file that takes the place of another. Its name is fixed, and it must not be there: of two rotations at
// once, one is refused.
class Replacement {
 public:
  explicit Replacement(std::string target) : target_(std::move(target)), path_(target_ + ".new") {
    file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file_ < 0 && errno == EEXIST)
      throw Failure{{Code::invalid_parameter,
                     path_ + " exists: another rotation is under way, or was broken off",
                     "remove it if no other is under way"}};
    if (file_ < 0) fail("cannot make " + path_);
  }
  ~Replacement() {
    close(file_);
    if (!is_done_) unlink(path_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void take_owner_and_mode(const struct stat& old) {
    if (fchown(file_, old.st_uid, old.st_gid) != 0) fail("cannot give " + path_ + " its owner");
    if (fchmod(file_, old.st_mode & 07777U) != 0) fail("cannot give " + path_ + " its mode");
  }

  void commit(const std::string& text) {
    if (write(file_, text.data(), text.size()) != static_cast<ssize_t>(text.size()) || fsync(file_) != 0)
      fail("cannot write " + path_);
    if (rename(path_.c_str(), target_.c_str()) != 0) fail("cannot replace " + target_);
    is_done_ = true;
    sync_folder();
  }

 private:
  // The new name, too, must outlast a crash.
  void sync_folder() const {
    const std::string folder = std::filesystem::path(target_).parent_path();
    const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return;
    fsync(opened);
    close(opened);
  }

  std::string target_, path_;
  int file_ = -1;
  bool is_done_ = false;
};

}  // namespace

Result<std::string> rotate(const std::string& jwks, const std::string& id) {
  json keys = json::array({{{"kty", "oct"}, {"alg", "HS256"}, {"kid", id}, {"k", random_secret()}}});
  if (!jwks.empty()) {
    const auto old = parse_keys(jwks);
    if (!old) return old.error();
    const json document = json::parse(jwks);
    if (!document.contains("keys"))
      keys.push_back(document);
    else if (!document["keys"].empty())
      keys.push_back(document["keys"].front());
  }
  return json{{"keys", keys}}.dump(2) + "\n";
}

std::string rotate_secret(const std::string& path) {
  // A link stays one: what it leads to is replaced.
  const std::string target = std::filesystem::weakly_canonical(std::filesystem::absolute(path));
  Replacement replacement(target);
  std::string old;
  struct stat about {};
  if (stat(target.c_str(), &about) == 0) {
    old = read_secret_file(target);
    replacement.take_owner_and_mode(about);
  }
  const std::string id = new_id();
  auto text = rotate(old, id);
  if (!text)
    throw Failure{{Code::invalid_parameter, target + ": " + text.error().message, text.error().hint}};
  replacement.commit(*text);
  return id;
}

}  // namespace tenfold::gateway
