// The batch that the log and Kafka share. Of the program loop_check: it needs the loop, and no Postgres.
#include "events/batch.hpp"

#include <gtest/gtest.h>

#include <map>

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

const Log quiet(Log::Format::json, LogLevel::error);

// A batch of events KEY:NUMBER in topic t, and what their handler was given.
class BatchCheck : public testing::Test {
 protected:
  void SetUp() override {
    rules_.name = "test";
    rules_.handler = [this](Delivery& delivery) { return take(delivery); };
  }

  Task<Effects> take(Delivery& delivery) {
    const Event& event = delivery.event();
    under_way_++;
    most_under_way_ = std::max(most_under_way_, under_way_);
    co_await sleep_for(1ms);
    under_way_--;
    taken_.push_back(event.id + "#" + std::to_string(event.attempt));
    if (on_take_) on_take_(event);
    Effects effects;
    effects.statements.push_back({&effect_});
    co_return effects;
  }

  void add(Batch& batch, const std::string& key, const std::string& id) const {
    batch.add(Event{.topic = "t", .id = id, .key = key});
  }

  void handle(Batch& batch) {
    const auto task = [&]() -> Task<void> {
      co_await batch.handle();
      loop_.stop();
    };
    loop_.io().restart();
    loop_.spawn_vital("test", task());
    loop_.io().run();  // Loop::run() is for once: it ends with the loop's timers
  }

  static Transaction effects_of(const Batch& batch) {
    Transaction made;
    for (size_t number = 0; number < batch.size(); number++) batch.add_effects(made, number);
    return made;
  }

  // Postgres answered so many statements, and refused the next.
  static Reply refusal() { return {{}, PgFailure{PgFailure::Kind::refused, "23505", "twice"}}; }

  Loop loop_{quiet};
  BatchRules rules_;
  Statement effect_{"SELECT 1"};
  std::function<void(const Event&)> on_take_;
  std::vector<std::string> taken_;
  size_t under_way_ = 0, most_under_way_ = 0;
};

using Ids = std::vector<std::string>;

TEST_F(BatchCheck, one_key_is_in_order_and_others_beside_it) {
  Batch batch(loop_, quiet, rules_);
  for (const char* id : {"1", "2", "3"}) add(batch, "a", id);
  for (const char* key : {"b", "c", ""}) add(batch, key, key);
  handle(batch);
  std::erase_if(taken_, [](const auto& one) { return one[0] > '3' || one[0] == '#'; });
  EXPECT_EQ(taken_, (Ids{"1#1", "2#1", "3#1"}));
  EXPECT_EQ(most_under_way_, 4u);
  EXPECT_EQ(batch.settled_from(0), batch.size());
}

TEST_F(BatchCheck, no_more_are_under_way_than_may_be) {
  rules_.most_in_flight = 2;
  Batch batch(loop_, quiet, rules_);
  for (int i = 0; i < 9; i++) add(batch, "", std::to_string(i));
  handle(batch);
  EXPECT_EQ(most_under_way_, 2u);
  EXPECT_EQ(taken_.size(), 9u);
}

TEST_F(BatchCheck, a_failure_ends_its_line) {
  on_take_ = [](const Event& event) {
    if (event.id == "1") throw std::runtime_error("no");
  };
  Batch batch(loop_, quiet, rules_);
  for (const char* id : {"1", "2"}) add(batch, "a", id);
  add(batch, "b", "3");
  handle(batch);
  EXPECT_TRUE(batch[0].made.failed);
  EXPECT_TRUE(batch.is_behind(1));
  EXPECT_FALSE(batch[1].is_settled);
  EXPECT_FALSE(batch.was_left());
  EXPECT_TRUE(batch[2].is_settled);
}

TEST_F(BatchCheck, or_it_is_tried_again_in_place_and_then_its_key_goes_on) {
  rules_.retry = BatchRules::Retry{3, 1ms, 4ms};
  on_take_ = [](const Event& event) {
    if (event.id == "1") throw std::runtime_error("no");
  };
  Batch batch(loop_, quiet, rules_);
  for (const char* id : {"1", "2"}) add(batch, "a", id);
  handle(batch);
  EXPECT_EQ(taken_, (Ids{"1#1", "1#2", "1#3", "2#1"}));
  EXPECT_TRUE(batch[0].made.failed);
  EXPECT_EQ(batch[0].event.attempt, 3);
  EXPECT_EQ(batch[0].made.reason, "no");
  EXPECT_EQ(batch.settled_from(0), 2u);
}

TEST_F(BatchCheck, what_may_not_be_tried_again_has_failed_at_once) {
  rules_.retry = BatchRules::Retry{3, 1ms, 4ms};
  on_take_ = [](const Event&) { throw HandlerFailure("never", false); };
  Batch batch(loop_, quiet, rules_);
  add(batch, "a", "1");
  handle(batch);
  EXPECT_EQ(taken_, Ids{"1#1"});
  EXPECT_TRUE(batch[0].made.failed);
}

TEST_F(BatchCheck, what_is_postponed_comes_again_and_had_no_attempt) {
  rules_.retry = BatchRules::Retry{2, 1ms, 4ms};
  on_take_ = [this](const Event&) {
    if (taken_.size() < 4) throw HandlerPostponed("busy", 1ms);
  };
  Batch batch(loop_, quiet, rules_);
  add(batch, "a", "1");
  handle(batch);
  EXPECT_EQ(taken_, (Ids{"1#1", "1#1", "1#1", "1#1"}));
  EXPECT_FALSE(batch[0].made.failed);
}

TEST_F(BatchCheck, who_hurries_leaves_what_waits) {
  rules_.retry = BatchRules::Retry{2, 1h, 1h};
  Batch batch(loop_, quiet, rules_);
  on_take_ = [&](const Event& event) {
    batch.hurry();
    if (event.id == "2") throw std::runtime_error("no");
  };
  for (const char* key : {"1", "2", "3"}) add(batch, key, key);
  handle(batch);
  EXPECT_TRUE(batch.was_left());
  EXPECT_EQ(batch.settled_from(0), 1u);
  EXPECT_EQ(batch.settled_from(2), 3u);
}

TEST_F(BatchCheck, stopped_it_begins_nothing_more_and_tells_the_handlers) {
  rules_.most_in_flight = 1;
  Batch batch(loop_, quiet, rules_);
  bool told = false;
  rules_.handler = [&](Delivery& delivery) -> Task<Effects> {
    batch.stop();
    told = delivery.cancelled();
    taken_.push_back(delivery.event().id);
    co_return Effects();
  };
  for (const char* key : {"1", "2"}) add(batch, key, key);
  handle(batch);
  EXPECT_TRUE(told);
  EXPECT_EQ(taken_, Ids{"1"});
}

TEST_F(BatchCheck, what_was_failed_before_reaches_no_handler) {
  Batch batch(loop_, quiet, rules_);
  batch.add_failed(Event{.topic = "t", .id = "0", .key = "a"}, "poison");
  add(batch, "a", "1");
  handle(batch);
  EXPECT_EQ(taken_, Ids{"1#1"});
  EXPECT_EQ(batch[0].made.reason, "poison");
  EXPECT_FALSE(batch.is_behind(1));
}

TEST_F(BatchCheck, a_refused_effect_is_a_failure_of_its_event) {
  Batch batch(loop_, quiet, rules_);
  for (const char* id : {"1", "2"}) add(batch, "a", id);
  handle(batch);
  ASSERT_TRUE(batch.blame(effects_of(batch), refusal()));
  EXPECT_EQ(batch[0].made.reason, "23505: twice");
  EXPECT_TRUE(batch.is_behind(1));
}

TEST_F(BatchCheck, which_is_tried_again_too) {
  rules_.retry = BatchRules::Retry{2, 1ms, 4ms};
  Batch batch(loop_, quiet, rules_);
  for (const char* id : {"1", "2"}) add(batch, "a", id);
  handle(batch);
  ASSERT_TRUE(batch.blame(effects_of(batch), refusal()));
  EXPECT_FALSE(batch[0].is_settled);
  EXPECT_EQ(batch.settled_from(1), 2u);
  handle(batch);
  EXPECT_EQ(taken_, (Ids{"1#1", "2#1", "1#2"}));
  ASSERT_TRUE(batch.blame(effects_of(batch), refusal()));
  EXPECT_TRUE(batch[0].is_settled && batch[0].made.failed);
}

TEST_F(BatchCheck, a_statement_of_nobody_is_nobodys_fault) {
  Batch batch(loop_, quiet, rules_);
  add(batch, "a", "1");
  handle(batch);
  Transaction transaction;
  transaction.add({&effect_});
  EXPECT_FALSE(batch.blame(transaction, refusal()));
  Reply lost{{}, PgFailure{PgFailure::Kind::lost}};
  EXPECT_FALSE(batch.blame(effects_of(batch), lost));
}

TEST_F(BatchCheck, an_error_that_should_pass_and_does_not_is_the_events) {
  Batch batch(loop_, quiet, rules_);
  for (const char* key : {"a", "b"}) add(batch, key, key);
  handle(batch);
  const Reply passing{{}, PgFailure{PgFailure::Kind::refused, "55000", "not now"}};
  int tries = 1;
  while (!batch.blame(effects_of(batch), passing) && tries < 100) tries++;
  EXPECT_EQ(tries, 10);
  EXPECT_EQ(batch[0].made.reason, "55000: not now");
  EXPECT_FALSE(batch[1].made.failed);
}

TEST_F(BatchCheck, one_that_cannot_be_read_ends_its_line) {
  Batch batch(loop_, quiet, rules_);
  batch.add_failed(Event{.topic = "t", .id = "1", .key = "a"}, "unreadable", true);
  add(batch, "a", "2");
  add(batch, "b", "3");
  handle(batch);
  EXPECT_EQ(taken_, Ids{"3#1"});
  EXPECT_TRUE(batch.is_behind(1));
}

TEST_F(BatchCheck, a_failure_at_the_end_has_constraints_checked_after_each) {
  Batch batch(loop_, quiet, rules_);
  for (const char* id : {"1", "2"}) add(batch, "a", id);
  handle(batch);
  const Transaction nothing;
  ASSERT_TRUE(batch.blame(nothing, refusal()));
  const Transaction checked = effects_of(batch);
  ASSERT_EQ(checked.queries.size(), 4u);
  EXPECT_EQ(checked.effect_of, (std::vector<std::optional<size_t>>{0, 0, 1, 1}));
  EXPECT_FALSE(batch.blame(nothing, refusal())) << "once is enough";
}

}  // namespace
}  // namespace tenfold::sidecar
