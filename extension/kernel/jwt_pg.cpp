#include "kernel/jwt.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace pg = tenfold::pg;
using tenfold::Code;
using tenfold::Error;
using tenfold::Failure;

namespace {

constexpr size_t longest_file = 65536;

class File {
 public:
  explicit File(const char* path) : descriptor_(open(path, O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  bool is_private() const {
    struct stat about {};
    return fstat(descriptor_, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  }

  // Nothing if it cannot be read.
  std::optional<std::string> text() const {
    std::string text(longest_file, '\0');
    const ssize_t size = read(descriptor_, text.data(), text.size());
    if (size < 0) return std::nullopt;
    text.resize(static_cast<size_t>(size));
    return text;
  }

 private:
  int descriptor_;
};

Failure no_key(const std::string& why, std::string hint) {
  return {{Code::no_signing_key, "tokens cannot be signed: " + why, std::move(hint)}};
}

// Read anew each time: bcrypt, which comes before, takes a thousand times as long, and a rotation needs no
// signal.
tenfold::Key signing_key() {
  const std::string path = pg::settings.jwks_file;
  if (path.empty())
    throw no_key("tenfold.jwks_file is not set", "make one: tenfold rotate-secret --jwks=FILE; then set it");
  const File file(path.c_str());
  const auto text = file.text();
  if (!text) throw no_key("\"" + path + "\" cannot be read", "the server's user must be its owner");
  if (!file.is_private()) throw no_key("\"" + path + "\" can be read by others", "chmod 600 " + path);
  auto keys = tenfold::parse_keys(*text).value();
  if (keys.empty()) throw no_key("\"" + path + "\" holds no key", "tenfold rotate-secret makes one");
  return keys.front();
}

}  // namespace

TF_FUNCTION(tf_sign_jwt) {
  return pg::datum(tenfold::sign_jwt(args.get<std::string_view>(0, "claims"), signing_key()));
}
