// The settings of tenfold: one table of rows, defined as GUCs when the library loads.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

struct Settings {
  int nearby_max_limit;               // rows that one nearby search may return
  int access_token_life;              // seconds
  int refresh_token_life;             // seconds, from the login on
  int bcrypt_cost;                    // 2^cost rounds
  int cache_size;                     // kB
  int cache_max_value;                // kB
  int limiter_buckets;                // clients that the limiter can tell apart at a time
  int provider_slots;                 // providers whose breakers are kept at a time
  const char* jwks_file;              // path of the keys that sign tokens; empty: none
  const char* jwt_audience;           // aud
  const char* jwt_issuer;             // iss
  const char* payment_secrets_file;   // path of the secrets of webhooks; empty: none
  const char* payment_webhook_hosts;  // hosts that merchants' webhooks may reach without https, or privately
};

// The current values.
extern Settings settings;

void define_settings();

}  // namespace tenfold::pg
