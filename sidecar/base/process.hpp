// A child process, awaited: no thread, and no SIGCHLD.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "base/loop.hpp"

namespace tenfold::sidecar {

struct ProcessCall {
  std::vector<std::string> arguments;  // the program first; found by PATH
  std::string input = {};
  std::chrono::milliseconds deadline{60'000};  // then it is killed
  size_t most_bytes = 16 * 1024 * 1024;        // of output and of errors, each; then it is killed
};

struct ProcessResult {
  int exit_code = -1;  // 128 + the signal that ended it; 127 if it could not be started
  std::string output = {};
  std::string errors = {};
  bool timed_out = false;
};

Task<ProcessResult> run_process(Loop& loop, ProcessCall call);

}  // namespace tenfold::sidecar
