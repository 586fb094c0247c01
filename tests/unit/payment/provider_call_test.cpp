// Bodies are shortened from the providers' documentation.
#include "payment/provider_call.hpp"

#include <gtest/gtest.h>

namespace tenfold::payment {
namespace {

Operation operation(const char* shape, Kind kind, bool query = false) {
  Operation made;
  made.shape = shape;
  made.kind = kind;
  made.query = query;
  made.amount_minor = 10050;
  made.currency = "INR";
  made.key = "key-1";
  made.reference = "0199-1";
  return made;
}

Observation answer(const Operation& asked, int status, const char* body) {
  return read_answer(asked, {Reach::answered, status, body, ""});
}

TEST(Operation, is_read_and_what_it_lacks_is_named) {
  const auto read = read_operation(
      R"({"provider":"stripe-eu","kind":"refund","action":"ask","amount_minor":5,"currency":"KWD","exponent":3,
          "provider_exponent":3,"step":10,"provider_key":"k","reference":"r/2","payment_token":null,"parent_ref":"pi_1"})");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->query && read->kind == Kind::refund && read->token.empty());
  EXPECT_EQ(read->digits.step, 10);
  for (const char* text : {"", "[]", R"({"provider":"square","kind":"charge","reference":"r"})",
                           R"({"provider":"stripe","kind":"steal","reference":"r"})",
                           R"({"provider":"stripe","kind":"charge"})"})
    EXPECT_FALSE(read_operation(text)) << text;
}

TEST(Request, is_the_same_when_it_was_stored) {
  const auto made = request_of(operation("razorpay", Kind::charge));
  const auto read = read_request(write_request(*made));
  EXPECT_EQ(write_request(*read), write_request(*made));
  EXPECT_EQ(read->body, made->body);
  EXPECT_FALSE(read->has_key);
  EXPECT_FALSE(read_request("{}"));
}

TEST(Answer, without_a_body_to_read) {
  const Operation asked = operation("stripe", Kind::charge);
  EXPECT_EQ(read_answer(asked, {Reach::not_sent, 0, "", "no route"}).name, Class::not_sent);
  EXPECT_EQ(read_answer(asked, {Reach::perhaps, 0, "", "reset"}).name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 500, "{}").name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 200, "<html>").name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 200, "").name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 200, "{}").name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 200, R"([{"object":1}])").name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 200, R"({"object":"payment_intent","status":"teleported"})").name,
            Class::ambiguous);
  const Observation busy = read_answer(asked, {Reach::answered, 429, "{}", "", 7});
  EXPECT_EQ(busy.name, Class::busy);
  EXPECT_EQ(busy.retry_after, 7);
}

TEST(Answer, to_a_question_never_says_that_nothing_was_done) {
  for (const char* shape : {"stripe", "razorpay", "paypal"}) {
    Operation asked = operation(shape, Kind::charge, true);
    EXPECT_EQ(answer(asked, 500, "").name, Class::ambiguous);
    for (const int status : {400, 401, 403, 422})
      EXPECT_EQ(answer(asked, status, "{}").name, Class::ambiguous) << shape << status;
    EXPECT_EQ(answer(asked, 404, "{}").name, Class::not_found);
    EXPECT_FALSE(row_of(read_answer(asked, {Reach::perhaps, 0, "", ""}).name).is_definite);
  }
}

TEST(Stripe, requests) {
  Operation asked = operation("stripe", Kind::authorize);
  asked.token = "pm_card_visa";
  const auto create = request_of(asked);
  EXPECT_EQ(create->method + " " + create->path, "POST /v1/payment_intents");
  EXPECT_EQ(create->body,
            "amount=10050&currency=inr&capture_method=manual&metadata%5Breference%5D=0199-1&confirm=true"
            "&payment_method=pm_card_visa");
  EXPECT_EQ(create->headers.at("Idempotency-Key"), "key-1");
  asked.payment_ref = "pi_1";
  asked.kind = Kind::capture;
  EXPECT_EQ(request_of(asked)->path, "/v1/payment_intents/pi_1/capture");
  EXPECT_EQ(request_of(asked)->body, "amount_to_capture=10050");
  asked.kind = Kind::void_;
  EXPECT_EQ(request_of(asked)->path, "/v1/payment_intents/pi_1/cancel");
  asked.kind = Kind::refund;
  EXPECT_EQ(request_of(asked)->path, "/v1/refunds");
  asked.query = true;
  EXPECT_EQ(request_of(asked)->path, "/v1/refunds?payment_intent=pi_1&limit=100");
  const Operation question = operation("stripe", Kind::charge, true);
  EXPECT_EQ(request_of(question)->path,
            "/v1/payment_intents/search?query=metadata%5B%27reference%27%5D%3A%270199-1%27");
  EXPECT_EQ(request_of(question)->method, "GET");
}

TEST(Stripe, an_intents_status_tells) {
  const Operation asked = operation("stripe", Kind::charge);
  const struct {
    const char* body;
    Class name;
  } rows[] = {
      {R"({"object":"payment_intent","id":"pi_1","status":"succeeded","amount":10050,"amount_received":10050})",
       Class::succeeded},
      {R"({"object":"payment_intent","id":"pi_1","status":"requires_capture","amount":10050})",
       Class::authorized},
      {R"({"object":"payment_intent","id":"pi_1","status":"processing","amount":10050})", Class::processing},
      {R"({"object":"payment_intent","id":"pi_1","status":"requires_payment_method","amount":10050,
           "last_payment_error":{"code":"card_declined"}})",
       Class::declined},
      {R"({"object":"payment_intent","id":"pi_1","status":"requires_payment_method","amount":10050})",
       Class::requires_action},
      {R"({"object":"payment_intent","id":"pi_1","status":"canceled","amount":10050})", Class::voided}};
  for (const auto& row : rows) {
    const Observation seen = answer(asked, 200, row.body);
    EXPECT_EQ(seen.name, row.name) << row.body;
    EXPECT_EQ(seen.payment_ref, "pi_1");
    EXPECT_EQ(seen.amount_minor, 10050);
  }
  const Observation act =
      answer(asked, 200, R"({"object":"payment_intent","id":"pi_1","status":"requires_action",
      "next_action":{"type":"redirect_to_url","redirect_to_url":{"url":"https://3ds"}},"client_secret":"s"})");
  EXPECT_EQ(act.next_action.at("url"), "https://3ds");
}

TEST(Stripe, refusals) {
  const Operation asked = operation("stripe", Kind::charge);
  const Observation declined = answer(asked, 402, R"({"error":{"type":"card_error","code":"card_declined",
      "decline_code":"insufficient_funds","message":"no","payment_intent":{"id":"pi_9"}}})");
  EXPECT_EQ(declined.name, Class::declined);
  EXPECT_EQ(declined.code, "insufficient_funds");
  EXPECT_EQ(declined.provider_ref, "pi_9");
  EXPECT_EQ(answer(asked, 400, R"({"error":{"type":"idempotency_error"}})").name, Class::rejected);
  EXPECT_EQ(answer(asked, 401, "{}").name, Class::rejected);
  EXPECT_EQ(answer(asked, 409, R"({"error":{"code":"idempotency_key_in_use"}})").name, Class::ambiguous);
  EXPECT_EQ(answer(asked, 400, R"({"error":{"code":"lock_timeout"}})").name, Class::busy);
}

TEST(Stripe, a_capture_that_was_done_before_counts) {
  Operation asked = operation("stripe", Kind::capture);
  asked.payment_ref = "pi_1";
  const char* done =
      R"({"error":{"code":"payment_intent_unexpected_state","payment_intent":{"object":"payment_intent",
      "id":"pi_1","status":"succeeded","amount":10050,"amount_received":6000}}})";
  EXPECT_EQ(answer(asked, 400, done).name, Class::succeeded);
  const char* held = R"({"object":"payment_intent","id":"pi_1","status":"requires_capture"})";
  EXPECT_EQ(answer(asked, 200, held).name, Class::ambiguous);
  asked.query = true;
  EXPECT_EQ(answer(asked, 200, held).name, Class::not_found);
  EXPECT_EQ(answer(asked, 200, R"({"object":"payment_intent","id":"pi_1","status":"canceled"})").name,
            Class::declined);
}

TEST(Stripe, a_search_finds_ours_only) {
  const Operation asked = operation("stripe", Kind::charge, true);
  EXPECT_EQ(answer(asked, 200, R"({"object":"search_result","data":[]})").name, Class::not_found);
  EXPECT_EQ(answer(asked, 200, R"({"object":"search_result","data":[{"object":"payment_intent","id":"pi_2",
      "status":"succeeded","metadata":{"reference":"other"}}]})")
                .name,
            Class::not_found);
  const Observation seen = answer(asked, 200, R"({"object":"search_result","data":[
      {"object":"payment_intent","id":"pi_2","status":"requires_capture","metadata":{"reference":"0199-1"}},
      {"object":"payment_intent","id":"pi_3","status":"succeeded","amount_received":10050,"metadata":{"reference":"0199-1"}}]})");
  EXPECT_EQ(seen.name, Class::succeeded);
  EXPECT_EQ(seen.provider_ref, "pi_3");
}

TEST(Razorpay, an_order_waits_for_its_customer) {
  const Operation asked = operation("razorpay", Kind::charge);
  const auto request = request_of(asked);
  EXPECT_EQ(request->path, "/v1/orders");
  EXPECT_EQ(
      request->body,
      R"({"amount":10050,"currency":"INR","notes":{"reference":"0199-1"},"payment_capture":true,"receipt":"0199-1"})");
  const Observation seen =
      answer(asked, 200,
             R"({"entity":"order","id":"order_1","amount":10050,"status":"created","receipt":"0199-1"})");
  EXPECT_EQ(seen.name, Class::requires_action);
  EXPECT_EQ(seen.provider_ref, "order_1");
  EXPECT_EQ(seen.next_action.at("order_id"), "order_1");
}

TEST(Razorpay, a_question_takes_the_payment_that_came_furthest) {
  const Operation asked = operation("razorpay", Kind::charge, true);
  EXPECT_EQ(request_of(asked)->path, "/v1/orders?receipt=0199-1&expand%5B%5D=payments");
  EXPECT_EQ(answer(asked, 200, R"({"entity":"collection","count":0,"items":[]})").name, Class::not_found);
  const Observation seen =
      answer(asked, 200, R"({"entity":"collection","count":1,"items":[{"entity":"order","id":"order_1",
      "receipt":"0199-1","payments":{"entity":"collection","items":[
        {"entity":"payment","id":"pay_1","status":"failed","order_id":"order_1","amount":10050},
        {"entity":"payment","id":"pay_2","status":"authorized","order_id":"order_1","amount":10050},
        {"entity":"payment","id":"pay_3","status":"captured","order_id":"order_1","amount":10050}]}}]})");
  EXPECT_EQ(seen.name, Class::succeeded);
  EXPECT_EQ(seen.payment_ref, "pay_3");
  EXPECT_EQ(seen.provider_ref, "order_1");
  EXPECT_EQ(seen.amount_minor, 10050);
  const Observation waits = answer(
      asked, 200, R"({"entity":"collection","items":[{"entity":"order","id":"order_1","receipt":"0199-1",
      "payments":{"items":[{"entity":"payment","id":"pay_1","status":"failed"}]}}]})");
  EXPECT_EQ(waits.name, Class::requires_action);
}

TEST(Razorpay, refusals) {
  Operation asked = operation("razorpay", Kind::capture);
  asked.payment_ref = "pay_1";
  EXPECT_EQ(
      answer(
          asked, 400,
          R"({"error":{"code":"BAD_REQUEST_ERROR","description":"This payment has already been captured"}})")
          .name,
      Class::ambiguous);
  EXPECT_EQ(answer(asked, 400,
                   R"({"error":{"code":"BAD_REQUEST_ERROR","description":"Capture amount must be equal"}})")
                .name,
            Class::rejected);
  EXPECT_FALSE(request_of(operation("razorpay", Kind::void_)));
}

TEST(Razorpay, refunds_are_found_by_our_reference) {
  Operation asked = operation("razorpay", Kind::refund, true);
  asked.payment_ref = "pay_1";
  EXPECT_EQ(request_of(asked)->path, "/v1/payments/pay_1/refunds?count=100");
  const char* list =
      R"({"entity":"collection","items":[{"entity":"refund","id":"rfnd_1","status":"processed","amount":1,"receipt":"other"},
      {"entity":"refund","id":"rfnd_2","status":"processed","amount":4000,"notes":{"reference":"0199-1"}}]})";
  EXPECT_EQ(answer(asked, 200, list).provider_ref, "rfnd_2");
  EXPECT_EQ(answer(asked, 200, list).amount_minor, 4000);
}

TEST(PayPal, requests) {
  Operation asked = operation("paypal", Kind::charge);
  asked.currency = "USD";
  asked.token = "vault_1";
  const auto create = request_of(asked);
  EXPECT_EQ(create->path, "/v2/checkout/orders");
  EXPECT_EQ(create->headers.at("PayPal-Request-Id"), "key-1");
  EXPECT_EQ(
      create->body,
      R"({"intent":"CAPTURE","payment_source":{"token":{"id":"vault_1","type":"PAYMENT_METHOD_TOKEN"}},"purchase_units":[{"amount":{"currency_code":"USD","value":"100.50"},"custom_id":"0199-1","reference_id":"default"}]})");
  asked.provider_ref = "orders/ORDER";
  EXPECT_EQ(request_of(asked)->path, "/v2/checkout/orders/ORDER/capture");
  EXPECT_EQ(request_of(asked)->headers.at("PayPal-Request-Id"), "key-1-2");
  asked.kind = Kind::void_;
  asked.payment_ref = "AUTH";
  EXPECT_EQ(request_of(asked)->path, "/v2/payments/authorizations/AUTH/void");
  const auto unaskable = request_of(operation("paypal", Kind::charge, true));
  ASSERT_FALSE(unaskable);
  EXPECT_EQ(unaskable.error().code, Code::feature_not_supported);
}

TEST(PayPal, orders) {
  const Operation asked = operation("paypal", Kind::charge);
  const Observation done = answer(
      asked, 201,
      R"({"id":"ORDER","status":"COMPLETED","purchase_units":[{"custom_id":"0199-1","payments":{"captures":[
      {"id":"CAP","status":"COMPLETED","amount":{"currency_code":"INR","value":"100.50"}}]}}]})");
  EXPECT_EQ(done.name, Class::succeeded);
  EXPECT_EQ(done.payment_ref, "CAP");
  EXPECT_EQ(done.provider_ref, "orders/ORDER");
  EXPECT_EQ(done.amount_minor, 10050);
  EXPECT_EQ(done.reference, "0199-1");
  const Observation waits = answer(
      asked, 200,
      R"({"id":"ORDER","status":"PAYER_ACTION_REQUIRED","intent":"CAPTURE","links":[{"rel":"payer-action","href":"https://p"}]})");
  EXPECT_EQ(waits.name, Class::requires_action);
  EXPECT_EQ(waits.next_action.at("url"), "https://p");
  EXPECT_EQ(answer(asked, 200, R"({"id":"ORDER","status":"APPROVED","intent":"CAPTURE"})").name,
            Class::approved);
  EXPECT_EQ(
      answer(asked, 422, R"({"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"INSTRUMENT_DECLINED"}]})")
          .name,
      Class::declined);
  EXPECT_EQ(answer(asked, 422, R"({"details":[{"issue":"ORDER_ALREADY_CAPTURED"}]})").name, Class::ambiguous);
}

TEST(PayPal, authorizations) {
  Operation asked = operation("paypal", Kind::capture, true);
  asked.payment_ref = "AUTH";
  EXPECT_EQ(request_of(asked)->path, "/v2/payments/authorizations/AUTH");
  EXPECT_EQ(answer(asked, 200, R"({"id":"AUTH","status":"CREATED"})").name, Class::not_found);
  EXPECT_EQ(answer(asked, 200, R"({"id":"AUTH","status":"CAPTURED"})").name, Class::succeeded);
  EXPECT_EQ(answer(asked, 200, R"({"id":"AUTH","status":"VOIDED"})").name, Class::declined);
  asked.kind = Kind::void_;
  asked.query = false;
  EXPECT_EQ(answer(asked, 204, "").name, Class::succeeded);
}

TEST(Event, each_shape) {
  const auto intent = read_event(
      "stripe",
      R"({"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"object":"payment_intent",
      "id":"pi_1","status":"succeeded","amount":10050,"amount_received":6000,"currency":"inr","metadata":{"reference":"0199-1"}}}})");
  ASSERT_EQ(intent->size(), 1U);
  EXPECT_EQ(intent->front().name, Class::succeeded);
  EXPECT_EQ(intent->front().provider_amount, "6000");
  EXPECT_EQ(intent->front().reference, "0199-1");
  const auto paid = read_event(
      "razorpay",
      R"({"entity":"event","event":"payment.captured","payload":{"payment":{"entity":{"entity":"payment",
      "id":"pay_1","order_id":"order_1","status":"captured","amount":10050,"currency":"INR"}},"order":{"entity":{"id":"order_1","notes":{"reference":"0199-1"}}}}})");
  EXPECT_EQ(paid->front().name, Class::succeeded);
  EXPECT_EQ(paid->front().reference, "0199-1");
  EXPECT_EQ(paid->front().refs, (std::vector<std::string>{"pay_1", "order_1"}));
  const auto hint = read_event(
      "paypal",
      R"({"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"CAP","custom_id":"0199-1",
      "supplementary_data":{"related_ids":{"order_id":"ORDER"}}}})");
  EXPECT_EQ(hint->front().name, Class::hint);
  EXPECT_EQ(hint->front().refs, (std::vector<std::string>{"CAP", "ORDER"}));
  EXPECT_TRUE(read_event("stripe", R"({"type":"customer.created","data":{"object":{"object":"customer"}}})")
                  ->empty());
  EXPECT_TRUE(read_event("razorpay", R"({"event":"settlement.processed","payload":7})")->empty());
  EXPECT_FALSE(read_event("stripe", "[1]"));
}

TEST(Observation, is_written_without_braces) {
  Observation seen;
  seen.name = Class::declined;
  seen.code = std::string("caf\xe9") + std::string(600, 'x');
  seen.refs = {"a"};
  const std::string text = write_observation(seen);
  EXPECT_TRUE(text.starts_with("\"class\":\"declined\""));
  EXPECT_LT(text.size(), 600U);
  EXPECT_NE(text.find(R"("refs":["a"])"), std::string::npos);
}

}  // namespace
}  // namespace tenfold::payment
