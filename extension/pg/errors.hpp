// The error codes of kernel/error.hpp in the server's terms.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

inline int sqlstate_of(Code code) {
  const char* s = row_of(code).sqlstate;
  return MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
}

}  // namespace tenfold::pg
