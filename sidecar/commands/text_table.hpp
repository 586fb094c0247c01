// A table for people: a line of names, then the rows. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <vector>

namespace tenfold::sidecar {

// Columns are as wide as their widest cell, in characters of UTF-8; those that hold only numbers are set to
// the right. Control characters are shown as ?: what a row says cannot move the cursor.
std::string text_table(const std::vector<std::string>& names,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace tenfold::sidecar
