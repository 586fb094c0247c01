#include "kafka/client.hpp"

namespace tenfold::sidecar {
namespace {

// Settings whose text goes to librdkafka as it is; an empty one leaves its default.
constexpr std::pair<const char*, const char*> passed_on[] = {
    {"kafka.bootstrap", "bootstrap.servers"},          {"kafka.security", "security.protocol"},
    {"kafka.sasl_mechanism", "sasl.mechanism"},        {"kafka.sasl_username", "sasl.username"},
    {"kafka.sasl_password", "sasl.password"},          {"kafka.ca", "ssl.ca.location"},
    {"kafka.certificate", "ssl.certificate.location"}, {"kafka.key", "ssl.key.location"},
    {"kafka.key_password", "ssl.key.password"},
};

// NAME=VALUE with semicolons between.
void add_options(KafkaOptions& options, std::string_view text) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const size_t equals = one.find('=');
    if (equals == std::string_view::npos)
      throw KafkaFailure("kafka.options: \"" + std::string(one) + "\" is not NAME=VALUE");
    options[std::string(one.substr(0, equals))] = one.substr(equals + 1);
  }
}

}  // namespace

std::vector<SettingRow> kafka_settings() {
  using Kind = SettingKind;
  return {
      {"kafka.bootstrap", Kind::text, "", "brokers, HOST:PORT with commas between; empty: no Kafka"},
      {"kafka.security",
       Kind::choice,
       "plaintext",
       "how to talk to them",
       0,
       INT64_MAX,
       {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}},
      {"kafka.sasl_mechanism", Kind::text, "", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER"},
      {"kafka.sasl_username", Kind::text, "", "the user of PLAIN and SCRAM"},
      {"kafka.sasl_password", Kind::secret, "", "and the password"},
      {"kafka.ca", Kind::text, "", "file of the authorities that sign the brokers; empty: the system's"},
      {"kafka.certificate", Kind::text, "", "file of our own certificate, where brokers ask for one"},
      {"kafka.key", Kind::text, "", "file of its key"},
      {"kafka.key_password", Kind::secret, "", "that the key is locked with"},
      {"kafka.options", Kind::text, "", "anything else of librdkafka's: NAME=VALUE with semicolons between"},
  };
}

KafkaOptions kafka_options(const Settings& settings) {
  KafkaOptions options{{"client.id", "tenfold"},         {"retry.backoff.ms", "1"},
                       {"reconnect.backoff.ms", "50"},   {"reconnect.backoff.max.ms", "500"},
                       {"socket.nagle.disable", "true"}, {"log.connection.close", "false"}};
  for (const auto& [setting, option] : passed_on)
    if (!settings.text(setting).empty()) options[option] = settings.text(setting);
  add_options(options, settings.text("kafka.options"));
  return options;
}

}  // namespace tenfold::sidecar
