// The one door through which Postgres' C headers come in. Include it (or anything of pg/) after all pure
// headers.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/error.hpp"
#include "kernel/result.hpp"
#include "kernel/stop.hpp"

extern "C" {
#include <postgres.h>

#include <catalog/pg_type_d.h>
#include <fmgr.h>
#include <funcapi.h>
#include <miscadmin.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/memutils.h>
}

#if PG_VERSION_NUM < 150000
#error "tenfold needs PostgreSQL 15 or newer"
#endif
