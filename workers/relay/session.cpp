#include "workers/relay/session.hpp"

#include <stdexcept>

#include "base/json_text.hpp"
#include "postgres/values.hpp"

namespace tenfold::relay {
namespace {

using namespace std::chrono_literals;
using sidecar::KafkaRecord;
using sidecar::number;
using sidecar::Rows;

constexpr auto patience = 30s;  // with a broker that says nothing

// Columns of tenfold.batch_events(), as the relay asks for them.
enum Column { event_id, topic, key, payload, headers, published_ms };

}  // namespace

Session::Session(SessionOptions options, const std::map<std::string, int>& topics,
                 const sidecar::KafkaEnvironment& environment)
    : options_(std::move(options)),
      reader_(options_.kafka, marker_topic(), environment),
      producer_(producer_options(), environment) {
  std::map<std::string, int> wanted = topics;
  wanted[marker_topic()] = 1;
  add_topics(wanted);
  producer_.init(patience);
}

// A transaction that outlives a restart of the broker must not end the producer: 60 s, not 10.
sidecar::KafkaOptions Session::producer_options() const {
  sidecar::KafkaOptions all{{"linger.ms", "5"},
                            {"batch.num.messages", "100000"},
                            {"batch.size", "1000000"},
                            {"queue.buffering.max.messages", "200000"},
                            {"queue.buffering.max.kbytes", "131072"},
                            {"partitioner", "murmur2_random"},  // as Java's clients do
                            {"delivery.report.only.error", "true"}};
  for (const auto& [name, value] : options_.kafka) all[name] = value;
  if (options_.is_careful) all["batch.num.messages"] = "1";
  all["transactional.id"] = marker_topic();
  all["transaction.timeout.ms"] = std::to_string(options_.transaction_timeout.count());
  return all;
}

std::optional<Marker> Session::marker() const {
  const auto found = reader_.committed(marker_topic(), 0, patience);
  if (!found) return std::nullopt;
  auto marker = read_marker(found->offset, found->metadata);
  if (!marker) throw sidecar::KafkaFailure(marker.error().message + "; " + marker.error().hint);
  return *marker;
}

void Session::add_topics(const std::map<std::string, int>& topics) {
  const std::map<std::string, int> known = reader_.topics();
  std::map<std::string, int> missing;
  for (const auto& [name, partitions] : topics)
    if (!known.contains(name)) missing[name] = partitions;
  if (!missing.empty() && !options_.create_topics)
    throw sidecar::KafkaFailure("topic " + missing.begin()->first +
                                " does not exist at the broker, and relay.create_topics is off");
  if (!missing.empty()) reader_.create_topics(missing);
  for (const auto& [name, partitions] : topics) topics_.insert(name);
}

Sent Session::send(const Rows& events, const Marker& marker) {
  Sent sent;
  const auto begun_at = std::chrono::steady_clock::now();
  const std::string tick = std::to_string(marker.tick);
  try {
    producer_.begin();
    for (int row = 0; row < events.size(); row++)
      if (const auto refusal = send_event(events, row, tick))
        sent.refused.emplace_back(number<int64_t>(events.text(row, event_id)), *refusal);
    if (sent.refused.empty()) commit(marker);
    sent.time = std::chrono::steady_clock::now() - begun_at;
  } catch (const sidecar::KafkaFailure&) {
    sent = {{}, producer_.refused(), options_.is_careful};
    if (sent.refused.empty()) throw;
  }
  return sent;
}

std::optional<std::string> Session::send_event(const Rows& events, int row, const std::string& tick) {
  const std::string_view id = events.text(row, event_id);
  KafkaRecord record{number<int64_t>(id),
                     events.text(row, topic),
                     std::nullopt,
                     events.text(row, payload),
                     number<int64_t>(events.text(row, published_ms)),
                     {}};
  if (!events.is_null(row, key)) record.key = events.text(row, key);
  record.headers = {{"event_id", id}, {"tick", tick}};
  std::map<std::string, std::string> own;
  try {
    own = sidecar::texts_of_json(events.text(row, headers));
  } catch (const std::invalid_argument& reason) {
    return reason.what();
  }
  for (const auto& [name, value] : own)
    if (name != "event_id" && name != "tick") record.headers.emplace_back(name, value);
  if (producer_.send(record, patience)) return std::nullopt;
  return "larger than Kafka takes (message.max.bytes)";
}

void Session::write(const Marker& marker) {
  producer_.begin();
  commit(marker);
}

void Session::commit(const Marker& marker) {
  producer_.send_offset(marker_topic(), marker_topic(), 0, {marker.tick, metadata_of(marker)});
  producer_.commit(options_.transaction_timeout);
}

}  // namespace tenfold::relay
