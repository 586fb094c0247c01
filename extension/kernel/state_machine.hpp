// The state machines of all modules, as tenfold.state_machine has them: a machine, a state and an event lead
// to a state, or the event is no move there.
#pragma once

#include "kernel/wall.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold {

struct Move {
  std::string_view machine, from, event, to;
};

class StateMachines {
 public:
  void add(const Move& move);

  // Where the event leads; nothing: it is no move. Errors: 22023 a machine that has no row.
  Result<std::optional<std::string_view>> next(std::string_view machine, std::string_view from,
                                               std::string_view event) const;

 private:
  using Events = std::map<std::string, std::string, std::less<>>;
  using States = std::map<std::string, Events, std::less<>>;
  std::map<std::string, States, std::less<>> machines_;
};

}  // namespace tenfold
