#include "pg/jsonb.hpp"

extern "C" {
#include <miscadmin.h>
#include <utils/numeric.h>
}

namespace tenfold::pg {
namespace {

// How a numeric stands on disk (utils/adt/numeric.c, the same since 9.1): a header of 16 bits, in the long
// form a weight beside it, then digits to the base 10,000. No function of the server tells the weight without
// making text.
struct NumericHead {
  bool is_negative;
  int scale;   // decimal digits after the point
  int weight;  // digits of the base before the point, less one
  int first;   // the first digit of the base; 0 of a zero
};

NumericHead head_of(const void* numeric) {
  constexpr uint16 form_bits = 0xC000, short_form = 0x8000, negative = 0x4000;
  const char* data = VARDATA_ANY(numeric);
  const char* end = data + VARSIZE_ANY_EXHDR(numeric);
  const auto word = [&](int i) {
    int16 value = 0;
    if (data + 2 * (i + 1) <= end) memcpy(&value, data + 2 * i, sizeof value);
    return value;
  };
  const uint16 head = word(0);
  if ((head & form_bits) == short_form) {
    const int weight = (head & 0x3F) - ((head & 0x40) != 0 ? 0x40 : 0);
    return {(head & 0x2000) != 0, (head & 0x1F80) >> 7, weight, word(1)};
  }
  return {(head & form_bits) == negative, head & 0x3FFF, word(1), word(2)};
}

int64_t number_bytes(const void* numeric) {
  const NumericHead n = head_of(numeric);
  int64_t whole = 1;  // a zero
  if (n.weight >= 0)
    whole = 4 * int64_t{n.weight} + (n.first >= 1000 ? 4 : n.first >= 100 ? 3 : n.first >= 10 ? 2 : 1);
  return n.is_negative + whole + (n.scale > 0 ? 1 + n.scale : 0);
}

int64_t string_bytes(std::string_view text) {
  int64_t bytes = static_cast<int64_t>(text.size()) + 2;
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t')
      bytes += 1;
    else if (c < ' ')
      bytes += 5;
  }
  return bytes;
}

// Calls visit(entry, its data, the data's length) for each part of a container, of an object first its names,
// until it gives false.
template <class Visit>
void each_part(const JsonbContainer* json, Visit visit) {
  check_stack_depth();
  CHECK_FOR_INTERRUPTS();
  const int parts = JsonContainerSize(json), entries = JsonContainerIsObject(json) ? 2 * parts : parts;
  const char* data = reinterpret_cast<const char*>(&json->children[entries]);
  uint32 offset = 0;
  for (int i = 0; i < entries; i++) {
    const JEntry entry = json->children[i];
    const bool is_aligned = JBE_ISNUMERIC(entry) || JBE_ISCONTAINER(entry);
    if (!visit(entry, data + (is_aligned ? INTALIGN(offset) : offset), getJsonbLength(json, i))) return;
    JBE_ADVANCE_OFFSET(offset, entry);
  }
}

int64_t container_bytes(const JsonbContainer* json, int64_t most);

int64_t entry_bytes(JEntry entry, const char* data, size_t length, int64_t most) {
  if (JBE_ISSTRING(entry)) return string_bytes({data, length});
  if (JBE_ISNUMERIC(entry)) return number_bytes(data);
  if (JBE_ISBOOL_FALSE(entry)) return 5;
  if (JBE_ISBOOL_TRUE(entry) || JBE_ISNULL(entry)) return 4;
  return container_bytes(reinterpret_cast<const JsonbContainer*>(data), most);
}

int64_t container_bytes(const JsonbContainer* json, int64_t most) {
  const int64_t parts = JsonContainerSize(json), entries = JsonContainerIsObject(json) ? 2 * parts : parts;
  // Brackets, and ", " or ": " between two.
  int64_t bytes = JsonContainerIsScalar(json) ? 0 : 2 + 2 * std::max<int64_t>(0, entries - 1);
  each_part(json, [&](JEntry entry, const char* data, size_t length) {
    bytes += entry_bytes(entry, data, length, most - bytes);
    return bytes <= most;
  });
  return bytes;
}

int64_t longest_number(const JsonbContainer* json) {
  int64_t longest = 0;
  each_part(json, [&](JEntry entry, const char* data, size_t) {
    if (JBE_ISNUMERIC(entry)) longest = std::max(longest, number_bytes(data));
    if (JBE_ISCONTAINER(entry))
      longest = std::max(longest, longest_number(reinterpret_cast<const JsonbContainer*>(data)));
    return true;
  });
  return longest;
}

}  // namespace

int64_t jsonb_text_bytes(const Jsonb* json, int64_t most) {
  return container_bytes(&json->root, most);
}

int64_t jsonb_longest_number(const Jsonb* json) {
  return longest_number(&json->root);
}

bool jsonb_is_object_of_texts(const Jsonb* json) {
  if (!JB_ROOT_IS_OBJECT(json)) return false;
  const int pairs = JB_ROOT_COUNT(json);
  for (int i = pairs; i < 2 * pairs; i++)  // after the names
    if (!JBE_ISSTRING(json->root.children[i])) return false;
  return true;
}

}  // namespace tenfold::pg
