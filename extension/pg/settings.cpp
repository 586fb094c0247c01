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

struct TextRow {
  const char* name;
  const char** value;
  const char* fallback;
  int flags;
  GucContext who;
  const char* text;
  const char* change_it;
};

const IntRow ints[] = {
    {"tenfold.nearby_max_limit", &settings.nearby_max_limit, 1000, 1, 100000, 0, PGC_SUSET,
     "The largest limit that one nearby search accepts.",
     "Raise it for exports; lower it per role where strangers may search."},
    {"tenfold.access_token_life", &settings.access_token_life, 900, 10, 86400, GUC_UNIT_S, PGC_SUSET,
     "How long an access token is good.", "Lower it where a revoked role must end sooner."},
    {"tenfold.refresh_token_life", &settings.refresh_token_life, 2592000, 60, 31536000, GUC_UNIT_S, PGC_SUSET,
     "How long after a login its refresh tokens are good.", "Lower it where people must log in more often."},
    {"tenfold.bcrypt_cost", &settings.bcrypt_cost, 10, 4, 16, 0, PGC_SUSET,
     "The binary logarithm of bcrypt's rounds for new passwords.",
     "Raise it as machines get faster: a login should take some 100 ms."},
    {"tenfold.limiter_buckets", &settings.limiter_buckets, 131072, 1024, 67108864, 0, PGC_POSTMASTER,
     "How many clients the rate limiter can tell apart at a time, at 8 bytes each.",
     "Raise it when tenfold.stat_limiter counts evictions."},
    {"tenfold.cache_size", &settings.cache_size, 65536, 1024, 1073741824, GUC_UNIT_KB, PGC_POSTMASTER,
     "How much shared memory the cache of answers takes.",
     "Raise it when tenfold.stat_cache counts evictions."},
    {"tenfold.cache_max_value", &settings.cache_max_value, 256, 1, 1048576, GUC_UNIT_KB, PGC_SUSET,
     "Larger answers are not cached.", "Raise it when tenfold.stat_cache counts refusals."},
    {"tenfold.provider_slots", &settings.provider_slots, 256, 1, 65536, 0, PGC_POSTMASTER,
     "How many providers, of all databases, have a breaker at a time, at 2.5 kB each.",
     "Raise it where more are called."},
};

const TextRow texts[] = {
    {"tenfold.jwks_file", &settings.jwks_file, "", GUC_SUPERUSER_ONLY, PGC_SIGHUP,
     "The JWKS file (mode 0600) whose first key signs tokens.",
     "Set it to the file that the gateway and PostgREST read; tenfold rotate-secret makes one."},
    {"tenfold.jwt_audience", &settings.jwt_audience, "tenfold", 0, PGC_SUSET,
     "The aud that tokens carry, and must carry.", "Set it where one key serves several services."},
    {"tenfold.jwt_issuer", &settings.jwt_issuer, "tenfold", 0, PGC_SUSET, "The iss that tokens carry.",
     "Set it to the URL of your service."},
    {"tenfold.payment_secrets_file", &settings.payment_secrets_file, "", GUC_SUPERUSER_ONLY, PGC_SIGHUP,
     "The JSON file (mode 0600) of the secrets by which webhooks are signed and checked.",
     "Set it before payments take webhooks, or send any; sql/50_payment/README.md has its form."},
    {"tenfold.payment_webhook_hosts", &settings.payment_webhook_hosts, "", 0, PGC_SUSET,
     "Hosts, with commas between, that merchants' webhooks may call without https or at private addresses.",
     "Set it for tests on one machine, and never where strangers are merchants."},
};

}  // namespace

void define_settings() {
  for (const IntRow& row : ints) {
    *row.value = row.fallback;
    // What sizes shared memory can be set only where there is some: the server refuses it later, fatally.
    if (row.who == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress) continue;
    DefineCustomIntVariable(row.name, row.text, row.change_it, row.value, row.fallback, row.least, row.most,
                            row.who, row.unit, nullptr, nullptr, nullptr);
  }
  for (const TextRow& row : texts)
    DefineCustomStringVariable(row.name, row.text, row.change_it, const_cast<char**>(row.value), row.fallback,
                               row.who, row.flags, nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("tenfold");
}

}  // namespace tenfold::pg
