// Values of SQL as JSON, byte for byte what row_to_json() writes.
#pragma once

#include "kernel/json_text.hpp"

#include "pg/args.hpp"

namespace tenfold::pg {

inline void append_json(JsonText& json, bool v) {
  json.raw(v ? "true" : "false");
}
inline void append_json(JsonText& json, int16_t v) {
  json.integer(v);
}
inline void append_json(JsonText& json, int32_t v) {
  json.integer(v);
}
inline void append_json(JsonText& json, int64_t v) {
  json.integer(v);
}
void append_json(JsonText& json, double v);
inline void append_json(JsonText& json, std::string_view v) {
  json.string(v);
}
template <class T>
void append_json(JsonText& json, const std::optional<T>& v) {
  v ? append_json(json, *v) : json.raw("null");
}

// A number as the shortest text that gives it again, whatever extra_float_digits says: for cursors.
std::string exact_text(double v);

// Writes values of one type. The common ones it writes itself; others are left to the server's to_json().
class JsonType {
 public:
  explicit JsonType(Oid type);
  // A value that is not NULL.
  void append(JsonText& json, Datum value) const;

 private:
  Oid type_;
  std::unique_ptr<FmgrInfo> to_json_;  // where it is needed
};

}  // namespace tenfold::pg
