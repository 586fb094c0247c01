#include "kernel/result.hpp"
#include "payment/secrets.hpp"
#include "payment/signature.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/private_file.hpp"
#include "pg/settings.hpp"

namespace pg = tenfold::pg;
namespace payment = tenfold::payment;
using tenfold::Code;
using tenfold::Failure;
using Text = std::string_view;

namespace {

payment::SecretsOf read_secrets() {
  const auto text = pg::read_private_file(pg::settings.payment_secrets_file, "tenfold.payment_secrets_file");
  if (const auto* problem = std::get_if<pg::FileProblem>(&text))
    throw Failure{
        {Code::no_signing_key, "webhooks cannot be signed or checked: " + problem->why, problem->hint}};
  return payment::parse_secrets(std::get<std::string>(text)).value();
}

std::string newest_master() {
  const auto secrets = read_secrets();
  const auto master = secrets.find("master");
  if (master == secrets.end() || master->second.empty())
    throw Failure{{Code::no_signing_key, "the file of payment secrets has no \"master\"",
                   "openssl rand -base64 32 makes one."}};
  return master->second.front();
}

Text or_empty(const pg::Args& args, int i) {
  return args.maybe<Text>(i).value_or(Text());
}

payment::Verdict judge(const pg::Args& args, Text shape, payment::Secrets secrets) {
  const Text body = args.get<Text>(5, "body");
  const int64_t now = args.get<int64_t>(6, "now");
  if (shape == "stripe") return payment::verify_stripe(secrets, or_empty(args, 1), body, now);
  if (shape == "razorpay") return payment::verify_razorpay(secrets, or_empty(args, 1), body);
  return payment::verify_standard(secrets, {or_empty(args, 2), or_empty(args, 3), or_empty(args, 4)}, body,
                                  now);
}

}  // namespace

// Gives NULL where the signature holds, else why it does not.
TF_FUNCTION(tf_payment_verify) {
  const Text provider = args.get<Text>(0, "provider");
  const auto secrets = read_secrets();
  const auto own = secrets.find(provider);
  if (own == secrets.end()) return pg::datum("not known here: there is no secret for it");
  const auto verdict = judge(args, provider.substr(0, provider.find('-')), own->second);
  if (verdict == payment::Verdict::genuine) return args.null();
  return pg::datum(payment::text_of(verdict));
}

TF_FUNCTION(tf_payment_endpoint_secret) {
  const std::string secret = payment::endpoint_secret(newest_master(), args.get<Text>(0, "endpoint"),
                                                      args.get<int32_t>(1, "generation"));
  return pg::datum(payment::write_webhook_secret(secret));
}

// By the newest generation, and by the one before it where that is still asked for.
TF_FUNCTION(tf_payment_sign) {
  const std::string master = newest_master();
  const Text endpoint = args.get<Text>(0, "endpoint");
  const int generation = args.get<int32_t>(1, "generation");
  std::vector<std::string> secrets{payment::endpoint_secret(master, endpoint, generation)};
  if (args.get<bool>(2, "with_old"))
    secrets.push_back(payment::endpoint_secret(master, endpoint, generation - 1));
  return pg::datum(payment::sign_standard(secrets, args.get<Text>(3, "id"), args.get<int64_t>(4, "seconds"),
                                          args.get<Text>(5, "body")));
}
