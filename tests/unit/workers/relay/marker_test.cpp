#include "workers/relay/marker.hpp"

#include <gtest/gtest.h>

namespace tenfold::relay {
namespace {

using Kind = Decision::Kind;

// Relayed up to tick 10 as the database knows; it has ticks up to 20, and tick 12 is the one that Kafka got.
DatabaseState usual() {
  DatabaseState database;
  database.identity = "1.1";
  database.position = 10;
  database.newest = 20;
  database.has_relayed = true;
  database.fingerprint = "f";
  database.retry = 3;
  return database;
}

Marker at(int64_t tick) {
  return {tick, "1.1", "f", 3};
}

TEST(Marker, RoundTrip) {
  const auto read = read_marker(12, metadata_of(at(12)));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, at(12));
}

TEST(Marker, MetadataOfOthersIsAnError) {
  for (const char* text : {"", "hello", "{}", "[]", R"({"database": 1, "tick": "f", "retry": 0})",
                           R"({"database": "1.1", "tick": "f", "retry": "x"})"})
    EXPECT_FALSE(read_marker(1, text)) << text;
}

TEST(Decide, GoesOnAfterTheMarker) {
  for (const int64_t tick : {10, 12, 20}) {
    const Decision decision = decide(at(tick), usual());
    EXPECT_EQ(decision.kind, Kind::go);
    EXPECT_EQ(decision.marker, at(tick));
  }
}

// The position's own tick may be gone from the log by now.
TEST(Decide, NeedsNoFingerprintAtThePosition) {
  DatabaseState database = usual();
  database.fingerprint = "";
  EXPECT_EQ(decide(at(10), database).kind, Kind::go);
}

TEST(Decide, BeginsWhereNothingWasEverRelayed) {
  DatabaseState database = usual();
  database.has_relayed = false;
  const Decision decision = decide(std::nullopt, database);
  EXPECT_EQ(decision.kind, Kind::rewrite);
  EXPECT_EQ(decision.marker, (Marker{10, "1.1", "", 0}));
}

struct Refused {
  const char* what;
  std::optional<Marker> marker;
  void (*change)(DatabaseState&);
  bool kafka_may_be_believed;
};

const Refused refused[] = {
    {"the marker is gone", std::nullopt, [](DatabaseState&) {}, false},
    {"the database is ahead of Kafka", at(9), [](DatabaseState&) {}, false},
    {"the database was restored from before the marker", at(21), [](DatabaseState&) {}, false},
    {"it was, and has had new ticks since", at(12), [](DatabaseState& d) { d.fingerprint = "other"; }, false},
    {"… and was relayed up to there", at(10), [](DatabaseState& d) { d.fingerprint = "other"; }, false},
    {"… of which that one is gone", at(12), [](DatabaseState& d) { d.fingerprint = ""; }, false},
    {"it does not know which retries Kafka has", at(12), [](DatabaseState& d) { d.retry = 2; }, true},
    {"another database that does not know the tick", at(21), [](DatabaseState& d) { d.identity = "2.1"; },
     false},
    {"a copy that does", at(12), [](DatabaseState& d) { d.identity = "2.1"; }, true},
    {"a copy that never relayed", at(12),
     [](DatabaseState& d) {
       d.identity = "2.1";
       d.has_relayed = false;
     },
     true},
};

TEST(Decide, RefusesWhatDoesNotFitAndSaysHowToGoOn) {
  for (const Refused& one : refused) {
    DatabaseState database = usual();
    one.change(database);
    const Decision decision = decide(one.marker, database);
    EXPECT_EQ(decision.kind, Kind::refuse) << one.what;
    EXPECT_FALSE(decision.reason.empty()) << one.what;
    EXPECT_NE(decision.hint.find("'database'"), std::string::npos) << one.what;
    EXPECT_EQ(decision.hint.find("'kafka'") != std::string::npos, one.kafka_may_be_believed) << one.what;
  }
}

TEST(Decide, AnOperatorMayBelieveTheDatabaseAlways) {
  for (const Refused& one : refused) {
    DatabaseState database = usual();
    one.change(database);
    database.trust = Trust::database;
    const Decision decision = decide(one.marker, database);
    EXPECT_EQ(decision.kind, Kind::rewrite) << one.what;
    EXPECT_EQ(decision.marker.tick, 10) << one.what;
    EXPECT_EQ(decision.marker.database, database.identity) << one.what;
    EXPECT_EQ(decision.marker.retry, one.marker ? 3 : 0) << one.what;  // numbers of retries never go back
  }
}

// Else new ticks of these ids would be skipped in silence.
TEST(Decide, AnOperatorMayBelieveKafkaWhereTheDatabaseHasItsTick) {
  for (const Refused& one : refused) {
    DatabaseState database = usual();
    one.change(database);
    database.trust = Trust::kafka;
    const Decision decision = decide(one.marker, database);
    EXPECT_EQ(decision.kind, one.kafka_may_be_believed ? Kind::rewrite : Kind::refuse) << one.what;
    if (one.kafka_may_be_believed) {
      EXPECT_EQ(decision.marker.tick, one.marker->tick) << one.what;
    }
  }
}

TEST(Decide, AnOldWordOfAnOperatorChangesNothingWhereAllIsWell) {
  DatabaseState database = usual();
  database.trust = Trust::database;
  EXPECT_EQ(decide(at(12), database).kind, Kind::go);
}

}  // namespace
}  // namespace tenfold::relay
