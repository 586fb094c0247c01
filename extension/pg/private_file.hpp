// A file of secrets that the server's user alone may read.
#pragma once

#include <string>
#include <variant>

namespace tenfold::pg {

// Why it cannot be used, and what to do.
struct FileProblem {
  std::string why, hint;
};

// Its text, at most 64 kB; read anew each time, so that a change needs no signal. An empty path: the setting
// of this name says none.
std::variant<std::string, FileProblem> read_private_file(const std::string& path, const std::string& setting);

}  // namespace tenfold::pg
