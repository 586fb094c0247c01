#include "kafka/place.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace tenfold::sidecar {
namespace {

using State = PlaceState;
using News = PlaceNews;

constexpr std::array states{State::ready, State::applying, State::resting,
                            State::stale, State::leaving,  State::gone};
constexpr std::array all_news{News::taken,  News::applied, News::left, News::failed,
                              News::rested, News::found,   News::lost};

State after_all(State state, const std::vector<News>& all) {
  for (const News news : all) state = after(state, news);
  return state;
}

TEST(kafka_place, messages_come_and_go) {
  EXPECT_EQ(after(State::ready, News::taken), State::applying);
  EXPECT_EQ(after_all(State::ready, {News::taken, News::applied}), State::ready);
}

TEST(kafka_place, after_a_failure_it_rests_and_asks_where_it_is) {
  EXPECT_EQ(after_all(State::ready, {News::taken, News::failed}), State::resting);
  EXPECT_EQ(after_all(State::ready, {News::taken, News::failed, News::rested}), State::stale);
  EXPECT_EQ(after_all(State::ready, {News::taken, News::failed, News::rested, News::found}), State::ready);
  EXPECT_EQ(after_all(State::ready, {News::taken, News::left}), State::stale);
}

TEST(kafka_place, a_claim_under_the_same_lease_disturbs_nothing) {
  for (const State state : states)
    if (state != State::stale) {
      EXPECT_EQ(after(state, News::found), state);
    }
}

TEST(kafka_place, what_is_lost_under_way_leaves_when_the_target_has_ended) {
  EXPECT_EQ(after_all(State::ready, {News::taken, News::lost}), State::leaving);
  for (const News end : {News::applied, News::left, News::failed})
    EXPECT_EQ(after_all(State::ready, {News::taken, News::lost, end}), State::gone);
}

TEST(kafka_place, what_is_lost_and_not_under_way_is_gone) {
  for (const State state : {State::ready, State::resting, State::stale})
    EXPECT_EQ(after(state, News::lost), State::gone);
  EXPECT_EQ(after_all(State::resting, {News::lost, News::rested}), State::gone);
}

// By brute force: whatever is told, in any order.
TEST(kafka_place, nothing_comes_back_from_gone_nor_from_leaving_but_by_its_end) {
  for (const News news : all_news) {
    EXPECT_EQ(after(State::gone, news), State::gone);
    const State next = after(State::leaving, news);
    EXPECT_TRUE(next == State::leaving || next == State::gone);
  }
}

TEST(kafka_place, only_the_target_ends_what_it_has) {
  for (const News news : {News::taken, News::rested, News::found})
    EXPECT_EQ(after(State::applying, news), State::applying);
}

TEST(kafka_place, where_it_begins_is_told_to_kafka) {
  KafkaPlace place{{"t", 3}, 1};
  place.is_moved = false;
  place.begin_at(7, {});
  EXPECT_EQ(place.next, 7);
  EXPECT_EQ(place.read_to, 7);
  EXPECT_TRUE(place.is_moved);
  EXPECT_EQ(place.text(), "t/3");
}

TEST(kafka_place, the_message_before_it_is_looked_at_first) {
  KafkaPlace place{{"t", 3}, 1};
  place.begin_at(7, 1000);
  EXPECT_EQ(place.begins_at(), 6);
  EXPECT_EQ(place.look(5, 1), PlaceProof::none);
  EXPECT_EQ(place.look(6, 1001), PlaceProof::other);
  EXPECT_EQ(place.look(6, {}), PlaceProof::other);
  EXPECT_EQ(place.look(6, 1000), PlaceProof::same);
  EXPECT_EQ(place.begins_at(), 7);
  EXPECT_EQ(place.look(7, 1), PlaceProof::same);
}

TEST(kafka_place, without_a_message_before_it_nothing_is_compared) {
  KafkaPlace place{{"t", 3}, 1};
  place.begin_at(0, 1000);
  EXPECT_EQ(place.begins_at(), 0);
  place.begin_at(7, {});
  EXPECT_EQ(place.begins_at(), 7);
  place.begin_at(7, 1000);
  EXPECT_EQ(place.look(9, 1), PlaceProof::same);  // compaction took it
}

}  // namespace
}  // namespace tenfold::sidecar
