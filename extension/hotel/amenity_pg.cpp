#include "hotel/amenity_pg.hpp"

#include <algorithm>
#include <map>

#include "pg/guard.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <utils/inval.h>
#include <utils/snapmgr.h>
}

namespace tenfold::hotel {
namespace {

// A copy of the table that is dropped when the table changes: its trigger sends a relcache invalidation,
// which reaches every backend, a standby's too, and only if the change commits.
struct Dictionary {
  std::map<std::string, int, std::less<>> bits;
  Oid table = InvalidOid;
  bool fresh = false;
  bool watching = false;
};

Dictionary dictionary;

void forget(Datum, Oid changed) {
  if (changed == dictionary.table || !OidIsValid(changed)) dictionary.fresh = false;
}

void load() {
  static pg::spi::Query query("SELECT code, bit::int, tableoid::bigint FROM hotel.amenity");
  if (!std::exchange(dictionary.watching, true)) pg::call([] { CacheRegisterRelcacheCallback(forget, 0); });
  dictionary.bits.clear();
  dictionary.fresh =
      true;  // before the snapshot is taken, so that a change seen by neither drops the copy again
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  pg::spi::for_each(query, [](const pg::spi::Row& row) {
    dictionary.bits.emplace(*row.get<std::string_view>(0), *row.get<int32_t>(1));
    dictionary.table = static_cast<Oid>(*row.get<int64_t>(2));
  });
  pg::call([] { PopActiveSnapshot(); });
}

// A failed load must not leave half a copy behind.
const Dictionary& current() {
  if (dictionary.fresh) return dictionary;
  try {
    load();
  } catch (const pg::PgError&) {
    dictionary.fresh = false;
    throw;
  }
  return dictionary;
}

Error unknown(std::string_view code) {
  std::string list;
  for (const auto& [name, bit] : current().bits) list += (list.empty() ? "" : ", ") + name;
  return {Code::unknown_amenity, "unknown amenity \"" + std::string(code) + "\"", "Known are: " + list + "."};
}

}  // namespace

int64_t amenity_mask(const std::vector<std::string_view>& codes) {
  uint64_t mask = 0;
  for (std::string_view code : codes) {
    const auto& bits = current().bits;
    const auto found = bits.find(code);
    if (found == bits.end()) throw Failure{unknown(code)};
    mask |= uint64_t{1} << found->second;
  }
  return static_cast<int64_t>(mask);
}

std::optional<std::string_view> unknown_amenity(const std::vector<std::string_view>& codes) {
  for (std::string_view code : codes)
    if (!current().bits.contains(code)) return code;
  return std::nullopt;
}

}  // namespace tenfold::hotel

namespace pg = tenfold::pg;

TF_FUNCTION(tf_hotel_amenity_mask) {
  return pg::datum(tenfold::hotel::amenity_mask(args.get<std::vector<std::string_view>>(0, "amenities")));
}

TF_FUNCTION(tf_hotel_unknown_amenity) {
  const auto codes = args.get<std::vector<std::string_view>>(0, "amenities");
  const auto unknown = tenfold::hotel::unknown_amenity(codes);
  return unknown ? pg::datum(*unknown) : args.null();
}
