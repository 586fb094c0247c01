// What jsonb values hold, read where they stand: nothing is copied, and no text is made.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <utils/jsonb.h>
}

namespace tenfold::pg {

// The bytes of the text that jsonb::text would give, without writing it: 1e131071 is 14 bytes of jsonb and
// 131,072 of text. Counting ends above `most`. Runs backend code: call it through pg::call.
int64_t jsonb_text_bytes(const Jsonb* json, int64_t most);

// The bytes of the longest number of a value as text; 0: it has none. Through pg::call, too.
int64_t jsonb_longest_number(const Jsonb* json);

bool jsonb_is_object_of_texts(const Jsonb* json);

}  // namespace tenfold::pg
