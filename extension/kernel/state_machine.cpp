#include "kernel/state_machine.hpp"

namespace tenfold {

void StateMachines::add(const Move& move) {
  machines_[std::string(move.machine)][std::string(move.from)][std::string(move.event)] = move.to;
}

Result<std::optional<std::string_view>> StateMachines::next(std::string_view machine, std::string_view from,
                                                            std::string_view event) const {
  const auto states = machines_.find(machine);
  if (states == machines_.end())
    return Error{Code::invalid_parameter, "unknown state machine \"" + std::string(machine) + "\"",
                 "tenfold.state_machine has them"};
  const auto events = states->second.find(from);
  if (events == states->second.end()) return std::optional<std::string_view>();
  const auto to = events->second.find(event);
  if (to == events->second.end()) return std::optional<std::string_view>();
  return std::optional<std::string_view>(to->second);
}

}  // namespace tenfold
