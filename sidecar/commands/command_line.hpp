// `tenfold run`, `tenfold list`, the commands of workers, and their flags.
#pragma once

#include <span>

#include "daemon/worker.hpp"

namespace tenfold::sidecar {

// Does what the command line says, with these workers to choose from; gives the exit code.
int run_command_line(int count, const char* const* words, std::span<const Worker> workers);

}  // namespace tenfold::sidecar
