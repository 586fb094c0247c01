#include "hotel/amenity_pg.hpp"

#include <map>

#include "pg/guard.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"

namespace tenfold::hotel {
namespace {

using Bits = std::map<std::string, int, std::less<>>;

void read_bits(Bits& bits) {
  static pg::spi::Query query("SELECT code, bit::int FROM hotel.amenity");
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    bits.emplace(row.required<std::string_view>(0), row.required<int32_t>(1));
  });
}

pg::TableCopy<Bits, read_bits> dictionary("hotel", "amenity");

Error unknown(std::string_view code) {
  std::string list;
  const auto known = dictionary.current();
  for (const auto& [name, bit] : *known) list += (list.empty() ? "" : ", ") + name;
  return {Code::unknown_amenity, "unknown amenity \"" + std::string(code) + "\"", "Known are: " + list + "."};
}

// A shift by more is undefined; who alters the table's CHECK may have such a row, which stops no other
// amenity.
uint64_t mask_of(std::string_view code, int bit) {
  if (bit < 0 || bit > 63)
    throw Failure{{Code::invalid_parameter,
                   "amenity \"" + std::string(code) + "\" has bit " + std::to_string(bit),
                   "The bits of hotel.amenity are 0 to 63."}};
  return uint64_t{1} << bit;
}

}  // namespace

int64_t amenity_mask(const std::vector<std::string_view>& codes) {
  if (codes.empty()) return 0;
  uint64_t mask = 0;
  const auto bits = dictionary.current();
  for (std::string_view code : codes) {
    const auto found = bits->find(code);
    if (found == bits->end()) throw Failure{unknown(code)};
    mask |= mask_of(code, found->second);
  }
  return static_cast<int64_t>(mask);
}

std::optional<std::string_view> unknown_amenity(const std::vector<std::string_view>& codes) {
  const auto bits = dictionary.current();
  for (std::string_view code : codes)
    if (!bits->contains(code)) return code;
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
