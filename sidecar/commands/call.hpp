// `tenfold call`: calls a provider by hand, as a worker would.
#pragma once

#include <string>
#include <vector>

#include "base/settings.hpp"

namespace tenfold::sidecar {

struct CallOptions {
  std::string provider;
  std::vector<std::string> urls;
  double deadline = 10;  // seconds, of each
};

// All at once; prints a line each, in their order. Gives the exit code: 0 if all were called and answered
// below 500.
int call_provider(const Settings& settings, const CallOptions& options);

}  // namespace tenfold::sidecar
