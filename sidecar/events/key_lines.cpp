#include "events/key_lines.hpp"

namespace tenfold::sidecar {

void KeyLines::add(Key key) {
  size_t line = lines_.size();
  if (!key.second.empty()) line = by_key_.try_emplace(std::move(key), line).first->second;
  if (line == lines_.size()) lines_.emplace_back();
  lines_[line].push_back(line_of_.size());
  line_of_.push_back(line);
}

bool KeyLines::is_behind(size_t event) const {
  const auto found = stopped_at_.find(line_of_[event]);
  return found != stopped_at_.end() && event > found->second;
}

}  // namespace tenfold::sidecar
