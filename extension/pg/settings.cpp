#include "pg/settings.hpp"

extern "C" {
#include <utils/guc.h>
}

namespace tenfold::pg {

Settings settings;

namespace {

struct IntRow {
  const char* name;
  int* value;
  int fallback, least, most;
  int unit;  // GUC_UNIT_… or 0
  GucContext who;
  const char* text;
  const char* change_it;  // who would, and why
};

const IntRow ints[] = {
    {"tenfold.nearby_max_limit", &settings.nearby_max_limit, 1000, 1, 100000, 0, PGC_USERSET,
     "The largest limit that one nearby search accepts.",
     "Raise it for exports; lower it per role where strangers may search."},
};

}  // namespace

void define_settings() {
  for (const IntRow& row : ints)
    DefineCustomIntVariable(row.name, row.text, row.change_it, row.value, row.fallback, row.least, row.most,
                            row.who, row.unit, nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("tenfold");
}

}  // namespace tenfold::pg
