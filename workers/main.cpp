#include <sys/resource.h>

#include <array>

#include "commands/command_line.hpp"
#include "workers/gateway/worker.hpp"
#include "workers/jobs/worker.hpp"
#include "workers/provider/worker.hpp"
#include "workers/relay/worker.hpp"
#include "workers/sink/worker.hpp"
#include "workers/subscriber/worker.hpp"
#include "workers/webhook/worker.hpp"

namespace {

// A connection is a file; the usual soft limit of 1024 is for programs that use select().
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int count, char** words) {
  allow_many_files();
  const std::array workers{tenfold::gateway::worker(), tenfold::jobs::worker(), tenfold::provider::worker(),
                           tenfold::relay::worker(),   tenfold::sink::worker(), tenfold::subscriber::worker(),
                           tenfold::webhook::worker()};
  return tenfold::sidecar::run_command_line(count, words, workers);
}
