#include "geo/geodesic.hpp"

#include <gtest/gtest.h>

#include "place_sampler.hpp"

namespace tenfold::geo {

TEST(Geodesic, KnownDistances) {
  // One degree of the equator and of the meridian at the equator: DMA TR 8350.2.
  EXPECT_NEAR(geodesic_m({0, 0}, {0, 1}), 111319.4908, 1e-4);
  EXPECT_NEAR(geodesic_m({0, 0}, {1, 0}), 110574.3886, 1e-4);
  EXPECT_NEAR(geodesic_m({0, 0}, {0, 180}), geodesic_m({90, 0}, {-90, 0}), 1e-3);
  EXPECT_LT(geodesic_m({0, 0}, {0.5, 179.7}), max_distance_m);
  EXPECT_NEAR(haversine_m({0, 0}, {0, 180}), 6371008.8 * 3.14159265358979, 1e-3);
}

TEST(Ruler, IsWithinFourNanometersOfTheGeodesic) {
  PlaceSampler random(3);
  double worst = 0;
  for (int i = 0; i < 200'000; i++) {
    const Point from = random.place(), to = random.at_distance(from, random.log_uniform(-2, 7.2));
    const double truth = random.true_distance(from, to);
    const double error = std::abs(Ruler(from).distance_m(to) - truth);
    // Far away a double itself has steps of 4 nm.
    if (truth < 1e6) worst = std::max(worst, error);
    EXPECT_LE(error, truth < 1e6 ? 4e-9 : 1e-8)
        << from.lat << ' ' << from.lng << ' ' << to.lat << ' ' << to.lng;
  }
  RecordProperty("worst_nm", std::to_string(worst * 1e9));
}

TEST(Ruler, TheDateLineAndThePolesAreOnePlace) {
  EXPECT_EQ(Ruler({12, 180}).distance_m({12, -180}), 0);
  EXPECT_EQ(Ruler({12, -180}).distance_m({12, 180}), 0);
  EXPECT_NEAR(Ruler({90, 17}).distance_m({90, -100}), 0, 1e-9);
  EXPECT_NEAR(Ruler({0, 179.9999}).distance_m({0, -179.9999}), 22.2639, 1e-3);
  EXPECT_EQ(Ruler({0, 180}, 100).rough_m(cell_of({0, -180})), 0);
}

TEST(Ruler, EstimatesKeepTheirPromise) {
  PlaceSampler random(4);
  double worst_flat = 0, worst_arc = 0;
  for (int i = 0; i < 300'000; i++) {
    const Point from = random.place();
    const double reach = random.log_uniform(0, 7.3);
    const Point to = i % 2 ? random.at_distance(from, reach * random.uniform()) : random.place();
    const Ruler ruler(from, reach);
    const double truth = ruler.distance_m(to), rough = ruler.rough_m(cell_of(to));
    if (truth > reach) {
      EXPECT_GE(rough, reach * (1 - ruler.slack()) - 1e-6);
      continue;
    }
    EXPECT_LE(std::abs(rough - truth), ruler.slack() * truth + 1e-6)
        << from.lat << ' ' << from.lng << ' ' << reach;
    double& worst = ruler.slack() < 0.005 ? worst_flat : worst_arc;
    if (truth > 1) worst = std::max(worst, std::abs(rough - truth) / truth);
  }
  // A margin of ten for the plane; the sphere's error is known, and its bound is close on purpose.
  EXPECT_LT(worst_flat, 1e-4);
  EXPECT_LT(worst_arc, 0.0057);
}

}  // namespace tenfold::geo
