#include "pg/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

namespace tenfold::pg {
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

}  // namespace

std::variant<std::string, FileProblem> read_private_file(const std::string& path,
                                                         const std::string& setting) {
  if (path.empty()) return FileProblem{setting + " is not set", "set it to the path of the file"};
  const File file(path.c_str());
  auto text = file.text();
  if (!text) return FileProblem{"\"" + path + "\" cannot be read", "the server's user must be its owner"};
  if (!file.is_private()) return FileProblem{"\"" + path + "\" can be read by others", "chmod 600 " + path};
  return *std::move(text);
}

}  // namespace tenfold::pg
