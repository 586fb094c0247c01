// `tenfold publish` and `tenfold consume`: the log of events by hand.
#pragma once

#include "commands/database.hpp"

namespace tenfold::sidecar {

void add_event_commands(CLI::App& app, DatabaseCommands& commands);

}  // namespace tenfold::sidecar
