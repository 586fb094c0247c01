// The wall between pure C++ and Postgres. Every pure header includes this file first.
//
// No include guard, on purpose: each inclusion checks again. postgres.h redefines everyday names (printf,
// Min,
// _(x) …) and lets any call longjmp, so pure code must not even be compiled in its presence.
#ifdef POSTGRES_H
static_assert(false, "include pure headers before anything of pg/: this one was reached after postgres.h");
#endif
