#include "payment/failure_class.hpp"

#include <gtest/gtest.h>

namespace tenfold::payment {
namespace {

TEST(FailureClass, each_has_a_text_of_its_own) {
  for (const ClassRow& row : classes()) {
    EXPECT_EQ(class_of(row.text), row.name);
    EXPECT_EQ(&row_of(row.name), &row);
  }
  EXPECT_FALSE(class_of("unheard"));
}

TEST(FailureClass, only_what_was_certainly_not_executed_goes_elsewhere) {
  for (const ClassRow& row : classes()) {
    EXPECT_FALSE(row.other_route && row.ask) << row.text;
    EXPECT_FALSE(row.is_definite && (row.ask || row.try_again || row.other_route)) << row.text;
    EXPECT_TRUE(!row.other_route || row.try_again) << row.text;
  }
}

TEST(FailureClass, how_a_call_ended_tells_what_may_have_been_done) {
  EXPECT_EQ(class_of_end(Reach::not_sent, 0), Class::not_sent);
  EXPECT_EQ(class_of_end(Reach::perhaps, 0), Class::ambiguous);
  EXPECT_EQ(class_of_end(Reach::answered, 0), Class::ambiguous) << "its body did not come";
  for (const int status : {100, 301, 307, 408, 500, 502, 503, 504, 599})
    EXPECT_EQ(class_of_end(Reach::answered, status), Class::ambiguous) << status;
  EXPECT_EQ(class_of_end(Reach::answered, 429), Class::busy);
  for (const int status : {200, 201, 204, 400, 401, 402, 404, 409, 422})
    EXPECT_FALSE(class_of_end(Reach::answered, status)) << status;
}

}  // namespace
}  // namespace tenfold::payment
