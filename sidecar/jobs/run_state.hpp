// Where one run of a job is. Pure.
#pragma once

#include "kernel/wall.hpp"

namespace tenfold::sidecar {

enum class RunState {
  running,  // its handler is called, and its lease renewed
  lost,     // its lease is another's: the handler was told, and its end counts no more
  ending,   // the handler has ended, and Postgres is being told
  over,     // nobody holds it any more
};

enum class RunNews {
  taken_away,  // its lease is another's, or was given back
  handled,     // the handler has ended, somehow
  told,        // Postgres knows its end, or will never
};

// What is told in a state that it means nothing to changes nothing: the report of a run finds out by itself
// that the lease is over.
constexpr RunState after(RunState state, RunNews news) {
  switch (news) {
    case RunNews::taken_away:
      return state == RunState::running ? RunState::lost : state;
    case RunNews::handled:
      if (state == RunState::running) return RunState::ending;
      return state == RunState::lost ? RunState::over : state;
    default:
      return RunState::over;
  }
}

// Its lease is renewed: nothing is to take it over while its end is told.
constexpr bool is_held(RunState state) {
  return state == RunState::running || state == RunState::ending;
}

}  // namespace tenfold::sidecar
