#include "handlers/webhook.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tenfold::sidecar {
namespace {

bool has(const HttpCallRequest& request, const std::string& header) {
  return std::ranges::find(request.headers, header) != request.headers.end();
}

// The example of the specification's reference libraries.
TEST(Webhook, IsSignedAsTheSpecificationSays) {
  const auto secret = read_webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->size(), 24u);
  Event event{.topic = "t", .id = "msg_p5jXN8AQM9LWM0D4loKWxJek", .payload = R"({"test": 2432232314})"};
  const auto request = webhook_request("http://a", *secret, event, 1614265330);
  EXPECT_TRUE(has(request, "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
  EXPECT_TRUE(has(request, "webhook-timestamp: 1614265330"));
  EXPECT_TRUE(has(request, "Idempotency-Key: msg_p5jXN8AQM9LWM0D4loKWxJek"));
  EXPECT_EQ(request.body, event.payload);
}

TEST(Webhook, WithoutASecretIsNotSigned) {
  const auto request = webhook_request("http://a", "", Event{.topic = "t", .id = "1"}, 0);
  EXPECT_TRUE(std::ranges::none_of(request.headers,
                                   [](const auto& one) { return one.starts_with("webhook-signature"); }));
}

TEST(Webhook, ATraceThatIsALineGoesOn) {
  Event event{.topic = "t", .id = "1", .headers = {{"traceparent", "00-ab-cd-01"}}};
  EXPECT_TRUE(has(webhook_request("http://a", "", event, 0), "traceparent: 00-ab-cd-01"));
  event.headers["traceparent"] = "00\r\nX: y";
  EXPECT_TRUE(std::ranges::none_of(webhook_request("http://a", "", event, 0).headers,
                                   [](const auto& one) { return one.starts_with("traceparent"); }));
}

TEST(Webhook, Secrets) {
  EXPECT_EQ(*read_webhook_secret("plain"), "plain");
  EXPECT_EQ(*read_webhook_secret("whsec_YQ=="), "a");
  EXPECT_FALSE(read_webhook_secret("whsec_"));
  EXPECT_FALSE(read_webhook_secret("whsec_not base64!"));
}

}  // namespace
}  // namespace tenfold::sidecar
