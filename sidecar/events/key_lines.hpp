// The order of a batch: events of one key stand in a line, and lines do not wait for each other. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tenfold::sidecar {

class KeyLines {
 public:
  using Key = std::pair<std::string, std::string>;  // topic and key

  // Adds the next event, by number from 0. One without a key has a line of its own.
  void add(Key key);

  size_t size() const { return lines_.size(); }
  const std::vector<size_t>& line(size_t number) const { return lines_[number]; }

  // It ends here: the events after it keep their order behind it.
  void stop_at(size_t event) { stopped_at_[line_of_[event]] = event; }
  // It stands behind one that its line stopped at.
  bool is_behind(size_t event) const;

 private:
  std::map<Key, size_t> by_key_;
  std::vector<std::vector<size_t>> lines_;
  std::vector<size_t> line_of_;          // by event
  std::map<size_t, size_t> stopped_at_;  // event, by line
};

}  // namespace tenfold::sidecar
