#include "workers/gateway/key_file.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tenfold::gateway {
namespace {

bool is_credential(const std::string& path) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder != nullptr && *folder != '\0' && path.starts_with(std::string(folder) + "/");
}

}  // namespace

// Who can read the keys can be anybody: others than their owner must not.
std::string read_secret_file(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) throw std::runtime_error("cannot read the key file " + path);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0 && !is_credential(path))
    throw std::runtime_error("the key file " + path + " can be read by others; run: chmod 600 " + path);
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read the key file " + path);
  return text.str();
}

std::vector<Key> KeyFile::read() {
  if (path_.empty()) return {};
  read_ = version();  // first: what is written meanwhile is a change
  auto keys = parse_keys(read_secret_file(path_));
  if (!keys) throw std::runtime_error(path_ + ": " + keys.error().message + "; " + keys.error().hint);
  return std::move(*keys);
}

bool KeyFile::is_changed() const {
  return !path_.empty() && version() != read_;
}

KeyFile::Version KeyFile::version() const {
  struct stat about {};
  if (stat(path_.c_str(), &about) != 0) return {};
  return {about.st_dev, about.st_ino, about.st_size, about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
}

}  // namespace tenfold::gateway
