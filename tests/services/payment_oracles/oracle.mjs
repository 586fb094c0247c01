// The providers' own libraries: reads one JSON request a line, writes one JSON answer a line.
// {"do": "sign_stripe", body, secret, seconds} | {"do": "verify_stripe", body, secret, header} | {"do": "verify_razorpay", …}
// | {"do": "sign_standard", body, secret, id, seconds} | {"do": "verify_standard", body, secret, headers}
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(process.argv[2] + '/');
const Stripe = require('stripe');
const Razorpay = require('razorpay');
const { Webhook } = require('standardwebhooks');
const stripe = new (Stripe.default ?? Stripe)('sk_test_oracle');

const tools = {
  sign_stripe: ({ body, secret, seconds }) => stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: seconds }),
  verify_stripe: ({ body, secret, header }) => Boolean(stripe.webhooks.constructEvent(body, header, secret)),
  verify_razorpay: ({ body, secret, header }) => Razorpay.validateWebhookSignature(body, header, secret),
  sign_standard: ({ body, secret, id, seconds }) => new Webhook(secret).sign(id, new Date(seconds * 1000), body),
  verify_standard: ({ body, secret, headers }) => Boolean(new Webhook(secret).verify(body, headers)),
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const asked = JSON.parse(line);
    answer = { answer: tools[asked.do](asked) };
  } catch (failure) {
    answer = { failure: String(failure.message) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
