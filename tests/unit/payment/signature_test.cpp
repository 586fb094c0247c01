// tests/process/test_payment_shapes.py asks the providers' own libraries; this is what they do not say.
#include "payment/signature.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/hmac.hpp"

namespace tenfold::payment {
namespace {

constexpr int64_t now = 1'700'000'000;
const std::string body = R"({"id":"evt_1","amount":100.0})";
const std::vector<std::string> secrets{"whsec_new", "whsec_old"};

std::string stripe_header(int64_t time, const std::string& secret = "whsec_new") {
  const std::string t = std::to_string(time);
  return "t=" + t + ",v1=" + encode_hex(hmac_sha256(secret, t + "." + body));
}

Verdict stripe(const std::string& header) {
  return verify_stripe(secrets, header, body, now);
}

TEST(Stripe, a_signature_of_either_secret_is_genuine) {
  EXPECT_EQ(stripe(stripe_header(now)), Verdict::genuine);
  EXPECT_EQ(stripe(stripe_header(now, "whsec_old")), Verdict::genuine);
  EXPECT_EQ(stripe(stripe_header(now) + ",v0=00,v1=00"), Verdict::genuine);
  EXPECT_EQ(stripe(stripe_header(now, "whsec_other")), Verdict::forged);
  EXPECT_EQ(verify_stripe(secrets, stripe_header(now), body + " ", now), Verdict::forged);
}

TEST(Stripe, the_time_is_within_300_seconds_both_ways) {
  EXPECT_EQ(stripe(stripe_header(now - 300)), Verdict::genuine);
  EXPECT_EQ(stripe(stripe_header(now + 300)), Verdict::genuine);
  EXPECT_EQ(stripe(stripe_header(now - 301)), Verdict::too_old);
  EXPECT_EQ(stripe(stripe_header(now + 301)), Verdict::too_new);
}

TEST(Stripe, what_comes_twice_is_refused) {
  EXPECT_EQ(stripe(stripe_header(now) + ",t=" + std::to_string(now)), Verdict::repeated);
  EXPECT_EQ(stripe("t=1, " + stripe_header(now)), Verdict::repeated);
  EXPECT_EQ(stripe("t=," + stripe_header(now)), Verdict::repeated);
}

TEST(Stripe, what_is_no_signature_is_told_apart) {
  EXPECT_EQ(stripe(""), Verdict::missing);
  for (const char* header :
       {"t=1", "v1=00", "t=,v1=00", "t=-5,v1=00", "t=1x,v1=00", "t=+1,v1=00", ",,,", "t=9999999999999,v1=00"})
    EXPECT_EQ(stripe(header), Verdict::malformed) << header;
  // An old signature that nobody made is forged first.
  EXPECT_EQ(stripe("t=1,v1=00"), Verdict::forged);
}

TEST(Stripe, without_a_secret_nothing_is_genuine) {
  const std::vector<std::string> none{""};
  EXPECT_EQ(verify_stripe(none, stripe_header(now, ""), body, now), Verdict::forged);
  EXPECT_EQ(verify_stripe({}, stripe_header(now), body, now), Verdict::forged);
}

TEST(Razorpay, the_header_is_the_hex_of_the_bodys_signature) {
  const std::string right = encode_hex(hmac_sha256("whsec_old", body));
  EXPECT_EQ(verify_razorpay(secrets, right, body), Verdict::genuine);
  EXPECT_EQ(verify_razorpay(secrets, right, body + "\n"), Verdict::forged);
  EXPECT_EQ(verify_razorpay(secrets, right.substr(1), body), Verdict::forged);
  EXPECT_EQ(verify_razorpay(secrets, right + ", " + right, body), Verdict::repeated);
  EXPECT_EQ(verify_razorpay(secrets, "", body), Verdict::missing);
}

class Standard : public testing::Test {
 protected:
  const std::vector<std::string> keys{std::string(32, 'n'), std::string(24, 'o')};
  const std::string time = std::to_string(now);

  Verdict verify(std::string_view id, std::string_view timestamp, std::string_view signature) {
    return verify_standard(keys, {id, timestamp, signature}, body, now);
  }
};

// The example of standardwebhooks.com's libraries.
TEST_F(Standard, is_as_the_specification_says) {
  const std::vector<std::string> key{*read_webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")};
  EXPECT_EQ(sign_standard(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_F(Standard, each_secret_signs_and_any_is_enough) {
  const std::string both = sign_standard(keys, "msg_1", now, body);
  EXPECT_EQ(verify("msg_1", time, both), Verdict::genuine);
  for (const std::string& key : keys)
    EXPECT_EQ(verify("msg_1", time, sign_standard(std::span(&key, 1), "msg_1", now, body)), Verdict::genuine);
  EXPECT_EQ(verify("msg_2", time, both), Verdict::forged);
  EXPECT_EQ(verify("msg_1", std::to_string(now + 1), both), Verdict::forged);
}

TEST_F(Standard, the_time_is_within_300_seconds_both_ways) {
  const auto at = [&](int64_t seconds) {
    return verify("msg_1", std::to_string(seconds), sign_standard(keys, "msg_1", seconds, body));
  };
  EXPECT_EQ(at(now - 300), Verdict::genuine);
  EXPECT_EQ(at(now + 300), Verdict::genuine);
  EXPECT_EQ(at(now - 301), Verdict::too_old);
  EXPECT_EQ(at(now + 301), Verdict::too_new);
}

TEST_F(Standard, an_id_cannot_lend_the_time_its_end) {
  const std::string shifted = sign_standard(keys, "msg", now, "1." + body);
  EXPECT_EQ(verify("msg." + time, "1", shifted), Verdict::malformed);
}

TEST_F(Standard, what_is_no_signature_is_told_apart) {
  const std::string right = sign_standard(keys, "msg_1", now, body);
  EXPECT_EQ(verify("", time, right), Verdict::missing);
  EXPECT_EQ(verify("msg_1", "", right), Verdict::missing);
  EXPECT_EQ(verify("msg_1", time, ""), Verdict::missing);
  EXPECT_EQ(verify("msg_1", time, right + ", " + right), Verdict::repeated);
  EXPECT_EQ(verify("msg_1", "soon", right), Verdict::malformed);
  EXPECT_EQ(verify("msg_1", time, "v1a,AAAA"), Verdict::malformed);
}

TEST(WebhookSecret, is_written_and_read) {
  const std::string bytes(32, '\xff');
  EXPECT_EQ(*read_webhook_secret(write_webhook_secret(bytes)), bytes);
  for (const char* text : {"", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                           "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!"})
    EXPECT_FALSE(read_webhook_secret(text)) << text;
  EXPECT_FALSE(read_webhook_secret(write_webhook_secret(std::string(65, 'x'))));
}

}  // namespace
}  // namespace tenfold::payment
