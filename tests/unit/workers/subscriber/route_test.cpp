#include <gtest/gtest.h>

#include "workers/subscriber/route.hpp"

namespace tenfold::subscriber {
namespace {

using Source = sidecar::Event::Source;

TEST(SubscriberRoute, OfTheLogAndOfJobs) {
  const auto routes =
      read_routes(" billing:orders,payments=billing.on_order  all:*=https://a.example/x?y=1\nmail=app.mail ");
  ASSERT_TRUE(routes);
  ASSERT_EQ(routes->size(), 3u);
  EXPECT_EQ((*routes)[0].from, Source::log);
  EXPECT_EQ((*routes)[0].name, "billing");
  EXPECT_EQ((*routes)[0].topics, (std::vector<std::string>{"orders", "payments"}));
  EXPECT_FALSE((*routes)[0].is_url());
  EXPECT_EQ((*routes)[1].topics, std::vector<std::string>{"*"});
  EXPECT_EQ((*routes)[1].target, "https://a.example/x?y=1");
  EXPECT_TRUE((*routes)[1].is_url());
  EXPECT_EQ((*routes)[2].from, Source::job);
  EXPECT_EQ((*routes)[2].name, "mail");
  EXPECT_TRUE((*routes)[2].topics.empty());
}

TEST(SubscriberRoute, OfKafka) {
  const auto routes = read_routes("kafka/main:a.b,c=app.note main:a=app.note main=app.note kafka=app.note");
  ASSERT_TRUE(routes);
  ASSERT_EQ(routes->size(), 4u);
  EXPECT_EQ((*routes)[0].from, Source::kafka);
  EXPECT_EQ((*routes)[0].name, "main");
  EXPECT_EQ((*routes)[0].topics, (std::vector<std::string>{"a.b", "c"}));
  EXPECT_EQ((*routes)[3].from, Source::job);
  EXPECT_EQ((*routes)[3].name, "kafka");
}

TEST(SubscriberRoute, NoneIsNone) {
  const auto routes = read_routes("");
  ASSERT_TRUE(routes);
  EXPECT_TRUE(routes->empty());
}

TEST(SubscriberRoute, RefusesWhatIsNone) {
  for (const char* text :
       {"a", "a:b", "a:b=", ":b=c.d", "a:=c.d", "=c.d", "a,b=c.d", "a:x=c.d a:y=c.e", "q=c.d q=c.e",
        "kafka/=c.d", "kafka/a=c.d", "kafka/a:=c.d", "kafka/:b=c.d", "kafka/a:b=c.d kafka/a:e=c.d"})
    EXPECT_FALSE(read_routes(text)) << text;
}

}  // namespace
}  // namespace tenfold::subscriber
