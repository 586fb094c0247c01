#include "hotel/nearby.hpp"
#include "hotel/nearby_request.hpp"
#include "hotel/place_json.hpp"
#include "kernel/json_text.hpp"

#include "hotel/amenity_pg.hpp"
#include "hotel/place_index_pg.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/row_json.hpp"
#include "pg/settings.hpp"

namespace tenfold::hotel {
namespace {

// The arguments of tenfold._hotel_nearby, in the order of nearby.sql.
enum Arg {
  lat,
  lng,
  radius_m,
  min_stars,
  min_rating,
  prices,
  amenities,
  row_limit,
  after_distance_m,
  after_hotel_id,
  south,
  west,
  north,
  east
};

using Texts = std::vector<std::string_view>;

size_t checked_limit(int32_t limit) {
  const int most = pg::settings.nearby_max_limit;
  if (limit < 1 || limit > most)
    throw Failure{{Code::invalid_limit, "limit " + std::to_string(limit) + " out of range",
                   "A page holds 1 to " + std::to_string(most) +
                       " hotels (tenfold.nearby_max_limit); for more, go on "
                       "with after_distance_m and after_hotel_id of the last row."}};
  return static_cast<size_t>(limit);
}

std::optional<Cursor> read_cursor(const pg::Args& args) {
  const auto distance = args.maybe<double>(after_distance_m);
  const auto id = args.maybe<int64_t>(after_hotel_id);
  if (!distance && !id) return std::nullopt;
  if (!distance || !id || !(*distance >= 0))
    throw Failure{{Code::invalid_parameter, "after_distance_m and after_hotel_id must come together",
                   "Take both from the last row of the page before."}};
  return Cursor{*distance, *id};
}

std::optional<Box> read_box(const pg::Args& args) {
  if (args.is_null(south) && args.is_null(west) && args.is_null(north) && args.is_null(east))
    return std::nullopt;
  const auto low =
      geo::checked_point(args.get<double>(south, "south"), args.get<double>(west, "west")).value();
  const auto high =
      geo::checked_point(args.get<double>(north, "north"), args.get<double>(east, "east")).value();
  if (low.lat > high.lat)
    throw Failure{{Code::invalid_coordinate, "the box's south lies north of its north",
                   "Give the smaller latitude as south; only west may exceed east, across the date line."}};
  return Box{low.lat, low.lng, high.lat, high.lng};
}

// Four arguments in a row: stars, rating, price ranges, amenities.
Filter read_filter(const pg::Args& args, int first) {
  Filter filter = filter_of({args.maybe<int32_t>(first), args.maybe<double>(first + 1),
                             args.maybe<Texts>(first + 2).value_or(Texts{})})
                      .value();
  filter.amenities = amenity_mask(args.maybe<Texts>(first + 3).value_or(Texts{}));
  return filter;
}

// The arguments of tenfold._hotel_nearby_page.
namespace page_arg {
enum { lat, lng, radius_km, min_stars, min_rating, prices, amenities, limit, cursor };
}

Cursor read_page_cursor(std::string_view text) {
  const CursorText cursor = cursor_of(text).value();
  const auto read = [](PGFunction in, const std::string& number) {
    return pg::call([&] { return DirectFunctionCall1(in, CStringGetDatum(number.c_str())); });
  };
  const double distance_m = pg::from_datum<double>(read(float8in, cursor.distance_m));  // type: of float8in
  const int64_t hotel_id = pg::from_datum<int64_t>(read(int8in, cursor.hotel_id));      // type: of int8in
  if (distance_m >= 0) return {distance_m, hotel_id};
  throw Failure{{Code::invalid_parameter, "the cursor's distance is " + cursor.distance_m,
                 "Send the next of the page before, as it was."}};
}

Search read_page_search(const pg::Args& args) {
  using View = std::string_view;
  Search search;
  search.origin = geo::checked_point(args.get<double>(page_arg::lat, "latitude"),
                                     args.get<double>(page_arg::lng, "longitude"))
                      .value();
  if (const auto km = args.maybe<double>(page_arg::radius_km)) search.radius_m = radius_m_of(*km).value();
  search.filter =
      filter_of({args.maybe<int32_t>(page_arg::min_stars), args.maybe<double>(page_arg::min_rating),
                 parts_of(args.maybe<View>(page_arg::prices).value_or(""))})
          .value();
  search.filter.amenities = amenity_mask(parts_of(args.maybe<View>(page_arg::amenities).value_or("")));
  search.limit = page_limit(args.get<int32_t>(page_arg::limit, "limit")).value();
  if (const auto cursor = args.maybe<View>(page_arg::cursor)) search.after = read_page_cursor(*cursor);
  return search;
}

// Where to search: around a point, or in a box from its center outwards.
void read_place(const pg::Args& args, Search& search) {
  if (const auto box = read_box(args)) {
    search.origin = box->center();
    search.radius_m = box->radius_m();
    search.area = Area(*box);
    return;
  }
  search.origin =
      geo::checked_point(args.get<double>(lat, "latitude"), args.get<double>(lng, "longitude")).value();
  if (auto radius = args.maybe<double>(radius_m)) search.radius_m = geo::checked_radius(*radius).value();
}

Search read_search(const pg::Args& args) {
  Search search;
  read_place(args, search);
  search.filter = read_filter(args, min_stars);
  search.limit = checked_limit(args.get<int32_t>(row_limit, "limit"));
  search.after = read_cursor(args);
  return search;
}

template <class T>
std::optional<T> known(T value, bool is_known) {
  return is_known ? std::optional(value) : std::nullopt;
}

std::vector<Place> find(const Search& search) {
  PlaceIndex index;
  std::vector<Place> places = NearbySearch<PlaceIndex>(search, index).run();
  index.close();
  return places;
}

// One hotel of a page, as row_to_json() writes it.
void append_hotel(JsonText& json, const Place& place, const pg::RowJson& names, pg::RowReader& rows) {
  const geo::Point p = geo::point_of(geo::cell_of_key(place.key));
  const Attributes a = unpack(place.attributes);
  const auto member = [&](std::string_view key, const auto& value) {
    json.raw(key);
    pg::append_json(json, value);
  };
  member(R"({"hotel_id":)", place.hotel_id);
  json.raw(",");
  names.append(json, rows, rows.read(place.row));
  member(R"(,"distance_m":)", place.distance_m);
  member(R"(,"lat":)", p.lat);
  member(R"(,"lng":)", p.lng);
  member(R"(,"stars":)", known<int32_t>(a.stars, a.stars));
  member(R"(,"rating":)", known(a.rating_hundredths / 100.0, a.rating_hundredths));
  member(R"(,"price_range":)", known(price_text(a.price_range), a.price_range));
  json.raw("}");
}

// As cursor_of() reads it.
void append_cursor(JsonText& json, const Place& last) {
  json.raw("\"" + pg::exact_text(last.distance_m) + "_" + std::to_string(last.hotel_id) + "\"");
}

// {"next" : "CURSOR", "hotels" : […]}, blanks as json_build_object() and json_agg() write them.
void append_page(JsonText& json, const Search& search) {
  PlaceIndex index;
  const std::vector<Place> places = NearbySearch<PlaceIndex>(search, index).run();
  pg::RowReader rows(index.table());
  constexpr std::string_view columns[] = {"name", "country", "city"};
  const pg::RowJson names(index.table(), columns, rows);
  json.raw(R"({"next" : )");
  places.size() == search.limit ? append_cursor(json, places.back()) : json.raw("null");
  json.raw(R"(, "hotels" : [)");
  for (const Place& place : places) {
    if (&place != places.data()) json.raw(", \n ");
    append_hotel(json, place, names, rows);
  }
  json.raw("]}");
  rows.close();
  index.close();
}

void add_row(pg::Rows& rows, const Place& place) {
  const geo::Point p = geo::point_of(geo::cell_of_key(place.key));
  const Attributes a = unpack(place.attributes);
  rows.add(place.hotel_id, place.distance_m, p.lat, p.lng, known(static_cast<int16_t>(a.stars), a.stars),
           known(a.rating_hundredths / 100.0, a.rating_hundredths),
           known(price_text(a.price_range), a.price_range));
}

}  // namespace
}  // namespace tenfold::hotel

TF_FUNCTION(tf_hotel_nearby) {
  using namespace tenfold;
  const std::vector<hotel::Place> places = hotel::find(hotel::read_search(args));
  pg::Rows rows(args.info());
  for (const hotel::Place& place : places) hotel::add_row(rows, place);
  return args.null();
}

TF_FUNCTION(tf_hotel_nearby_json) {
  using namespace tenfold;
  const std::vector<hotel::Place> places = hotel::find(hotel::read_search(args));
  return pg::text_datum(hotel::most_json_bytes(places.size()),
                        [&](char* out) { return hotel::write_json(places, out); });
}

TF_FUNCTION(tf_hotel_nearby_page) {
  using namespace tenfold;
  JsonText json;
  hotel::append_page(json, hotel::read_page_search(args));
  return pg::datum(json.view());
}

// A search's filter, checked once, for queries that test rows themselves.
TF_FUNCTION(tf_hotel_filter) {
  using namespace tenfold;
  const hotel::Filter filter = hotel::read_filter(args, 0);
  const size_t limit = hotel::checked_limit(args.get<int32_t>(4, "limit"));
  const NullableDatum columns[] = {pg::nullable(filter.amenities), pg::nullable(filter.min_stars),
                                   pg::nullable(filter.min_rating_hundredths / 100.0),
                                   pg::nullable(static_cast<int32_t>(filter.prices)),
                                   pg::nullable(static_cast<int32_t>(limit))};
  return pg::row_datum(args.info(), columns);
}
