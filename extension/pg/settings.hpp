// The settings of tenfold: one table of rows, defined as GUCs when the library loads.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

struct Settings {
  int nearby_max_limit;  // rows that one nearby search may return
};

// The current values.
extern Settings settings;

void define_settings();

}  // namespace tenfold::pg
