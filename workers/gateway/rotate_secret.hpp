// A new secret for tokens, beside the one before.
#pragma once

#include "kernel/wall.hpp"

#include <string>

#include "kernel/result.hpp"

namespace tenfold::gateway {

// The key file's content after a rotation at that time: a new random key first, which signs; then the first
// of the old text, whose tokens still live; no other. `id` becomes the new key's kid. An empty text: there
// was no file. The errors are parse_keys()'s.
Result<std::string> rotate(const std::string& jwks, const std::string& id);

// Rotates the file, or makes it (mode 0600); gives the new kid. The file is replaced as a whole: a reader
// sees the old one or the new one, also after a crash. Throws Failure, or std::runtime_error with what the
// system says.
std::string rotate_secret(const std::string& path);

}  // namespace tenfold::gateway
