#include "geo/geohash.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "geo/geodesic.hpp"

namespace tenfold::geo::geohash {
namespace {

constexpr std::string_view alphabet = "0123456789bcdefghjkmnpqrstuvwxyz";
constexpr int bits_a_character = 5;
constexpr double deg = 180 / std::numbers::pi;

// A cell by its column and row, counted from the south-west corner of the map.
struct CellAt {
  int precision;
  int64_t lng;
  int64_t lat;

  int lng_bits() const { return (precision * bits_a_character + 1) / 2; }
  int lat_bits() const { return precision * bits_a_character / 2; }
  int64_t columns() const { return int64_t{1} << lng_bits(); }
  int64_t rows() const { return int64_t{1} << lat_bits(); }
  double width() const { return 360.0 / columns(); }
  double height() const { return 180.0 / rows(); }

  Box box() const {
    const double south = -90 + lat * height(), west = -180 + lng * width();
    return {south, west, south + height(), west + width()};
  }
};

// By halving, as the definition says: (value - low) / size would round values beside a border across it.
int64_t index_of(double value, double low, double high, int bits) {
  int64_t index = 0;
  for (int i = 0; i < bits; i++) {
    const double middle = (low + high) / 2;
    const bool upper = value >= middle;
    index = index << 1 | upper;
    (upper ? low : high) = middle;
  }
  return index;
}

CellAt cell_at(Point p, int precision) {
  CellAt c{precision, 0, 0};
  c.lng = index_of(p.lng, -180, 180, c.lng_bits());
  c.lat = index_of(p.lat, -90, 90, c.lat_bits());
  return c;
}

// Bits alternate, longitude first.
std::string text_of(const CellAt& c) {
  std::string text;
  int lng = c.lng_bits(), lat = c.lat_bits(), group = 0;
  for (int i = 1; i <= c.precision * bits_a_character; i++) {
    group = group << 1 | (i % 2 ? c.lng >> --lng & 1 : c.lat >> --lat & 1);
    if (i % bits_a_character == 0) text += alphabet[std::exchange(group, 0)];
  }
  return text;
}

Result<CellAt> parse(std::string_view text) {
  const std::string name = "geohash \"" + std::string(text) + "\"";
  if (text.empty() || text.size() > max_precision)
    return Error{Code::invalid_geohash, name + " has " + std::to_string(text.size()) + " characters",
                 "A geohash has 1 to 12."};
  CellAt c{static_cast<int>(text.size()), 0, 0};
  bool is_lng = true;
  for (char letter : text) {
    const size_t value = alphabet.find(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
    if (value == std::string_view::npos)
      return Error{Code::invalid_geohash, name + " has a character that no geohash has",
                   "Digits and letters but a, i, l and o."};
    for (int bit = bits_a_character - 1; bit >= 0; bit--, is_lng = !is_lng)
      (is_lng ? c.lng : c.lat) = (is_lng ? c.lng : c.lat) << 1 | (value >> bit & 1);
  }
  return c;
}

Result<int> checked_precision(int precision) {
  if (precision < 1 || precision > max_precision)
    return Error{Code::invalid_precision, "geohash precision " + std::to_string(precision) + " out of range",
                 "A geohash has 1 to 12 characters."};
  return precision;
}

std::string shifted(CellAt c, int north, int east) {
  c.lat += north;
  c.lng = (c.lng + east + c.columns()) % c.columns();
  return c.lat < 0 || c.lat >= c.rows() ? "" : text_of(c);
}

// A lower bound for the way from a point to a box: the nearest point of the nearest meridian, on a sphere,
// which is at most 0.57 % off.
double least_distance_m(Point from, const Box& box) {
  double lng = from.lng;
  if (lng < box.west || lng > box.east) {
    const double to_west = std::abs(std::remainder(box.west - lng, 360)),
                 to_east = std::abs(std::remainder(box.east - lng, 360));
    lng = to_west < to_east ? box.west : box.east;
  }
  const double lat = from.lat / deg, away = (lng - from.lng) / deg;
  const double nearest = std::atan2(std::sin(lat), std::cos(lat) * std::cos(away)) * deg;
  // On the far half of the Earth the meridian has its farthest point between the poles, so that either end of
  // the box can be the nearer one.
  double least = haversine_m(from, {std::clamp(nearest, box.south, box.north), lng});
  for (double end : {box.south, box.north}) least = std::min(least, haversine_m(from, {end, lng}));
  return least * (1 - 0.0057);
}

Error too_fine(int precision) {
  return {Code::invalid_precision,
          "precision " + std::to_string(precision) + " gives more than 10000 cells for this radius",
          "Lower the precision or the radius."};
}

}  // namespace

Result<std::string> encode(Point p, int precision) {
  if (auto checked = checked_precision(precision); !checked) return checked.error();
  return text_of(cell_at(p, precision));
}

Result<Box> decode(std::string_view text) {
  const auto cell = parse(text);
  if (!cell) return cell.error();
  return cell->box();
}

Result<std::array<std::string, 8>> neighbors(std::string_view text) {
  const auto cell = parse(text);
  if (!cell) return cell.error();
  return std::array{shifted(*cell, 1, 0),  shifted(*cell, 1, 1),  shifted(*cell, 0, 1),
                    shifted(*cell, -1, 1), shifted(*cell, -1, 0), shifted(*cell, -1, -1),
                    shifted(*cell, 0, -1), shifted(*cell, 1, -1)};
}

Result<std::vector<std::string>> cover(Point origin, double radius_m, int precision) {
  if (auto checked = checked_precision(precision); !checked) return checked.error();
  const CellAt start = cell_at(origin, precision);
  // From the origin's row outwards, and in each row from its column outwards, as long as cells touch the
  // disc.
  std::set<std::string> found;
  const auto touches = [&](const CellAt& c) { return least_distance_m(origin, c.box()) <= radius_m; };
  const auto take_row = [&](int64_t row) {
    CellAt c{precision, start.lng, row};
    if (!touches(c)) return false;
    for (int step : {1, -1}) {
      for (int64_t moved = 0; moved < c.columns() && found.size() <= max_cover; moved++) {
        c.lng = ((start.lng + step * moved) % c.columns() + c.columns()) % c.columns();
        if (!touches(c)) break;
        found.insert(text_of(c));
      }
    }
    return found.size() <= max_cover;
  };
  for (int64_t row = start.lat; row < start.rows() && take_row(row); row++) continue;
  for (int64_t row = start.lat - 1; row >= 0 && take_row(row); row--) continue;
  if (found.size() > max_cover) return too_fine(precision);
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace tenfold::geo::geohash
