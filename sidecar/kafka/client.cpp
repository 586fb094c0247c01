#include "kafka/client.hpp"

#include <algorithm>
#include <array>

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds abort_time = 1s;  // for a broker that is away
constexpr milliseconds slice = 500ms;    // after which a call that waits looks whether the process ends
constexpr milliseconds admin_time = 5s;
constexpr size_t most_bytes = 8 * 1024 * 1024;  // that are taken of one partition at once
constexpr milliseconds say_again_after = 10s;   // an outage repeats each line many times

using List =
    std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;
using ErrorPtr = std::unique_ptr<rd_kafka_error_t, decltype(&rd_kafka_error_destroy)>;

List list_of(std::span<const KafkaPartition> partitions) {
  List list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())),
            rd_kafka_topic_partition_list_destroy);
  for (const KafkaPartition& one : partitions)
    rd_kafka_topic_partition_list_add(list.get(), one.topic.c_str(), one.partition)->offset = one.offset;
  return list;
}

// Refused for what the record is: sending it again would end the same.
bool is_poison(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         code == RD_KAFKA_RESP_ERR_INVALID_MSG || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

void set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK)
    throw KafkaFailure("kafka option " + name + ": " + why.data());
}

using Conf = std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)>;

}  // namespace

KafkaHandle::KafkaHandle(rd_kafka_type_t type, const KafkaOptions& options, KafkaEnvironment environment)
    : environment_(std::move(environment)) {
  Conf conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
  for (const auto& [name, value] : options) set(conf.get(), name, value);
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_error_cb(conf.get(), take_error);
  rd_kafka_conf_set_log_cb(conf.get(), take_log);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf.get(), take_report);
  std::array<char, 512> why{};
  handle_ = rd_kafka_new(type, conf.get(), why.data(), why.size());
  if (handle_ == nullptr) throw KafkaFailure(std::string("kafka options: ") + why.data());
  (void)conf.release();  // it is the handle's now
}

KafkaHandle::~KafkaHandle() {
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

// Called from rd_kafka_poll(), by the thread that polls.
void KafkaHandle::take_error(rd_kafka_t* /*handle*/, int code, const char* reason, void* self) {
  if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) static_cast<KafkaHandle*>(self)->last_error_ = reason;
}

// Called by any of librdkafka's threads.
void KafkaHandle::take_log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  const auto* self = static_cast<const KafkaHandle*>(rd_kafka_opaque(handle));
  if (self == nullptr) return;
  auto write = [around = self->environment_, level, what = std::string(facility), line = std::string(text)] {
    auto& last = (*around.said)[what];
    const bool is_news = level <= 4 && (last == Clock::time_point{} || Clock::now() - last > say_again_after);
    if (is_news) last = Clock::now();
    if (is_news)
      around.log->warning("librdkafka", {{"says", what + ": " + line}});
    else
      around.log->debug("librdkafka", {{"says", what + ": " + line}});
  };
  asio::post(self->environment_.loop, std::move(write));
}

void KafkaHandle::take_report(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* self) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
    static_cast<KafkaHandle*>(self)->undelivered_.emplace_back(reinterpret_cast<intptr_t>(message->_private),
                                                               message->err);
}

KafkaFailure KafkaHandle::failure(const std::string& doing, const std::string& why) const {
  return KafkaFailure(doing + ": " + why + (last_error_.empty() ? "" : " (" + last_error_ + ")"));
}

KafkaFailure KafkaHandle::failure(const std::string& doing, rd_kafka_resp_err_t code) const {
  return failure(doing, rd_kafka_err2str(code));
}

void KafkaHandle::insist(const std::string& doing, milliseconds within, const Attempt& attempt) const {
  const auto end = Clock::now() + within;
  while (true) {
    const ErrorPtr error(attempt(static_cast<int>(slice.count())), rd_kafka_error_destroy);
    if (!error) return;
    rd_kafka_poll(handle_, 0);  // lets the connections say why
    const bool again = rd_kafka_error_is_retriable(error.get()) != 0 &&
                       rd_kafka_error_is_fatal(error.get()) == 0 &&
                       rd_kafka_error_txn_requires_abort(error.get()) == 0;
    if (!again || stopping() || Clock::now() > end) throw failure(doing, rd_kafka_error_string(error.get()));
  }
}

std::map<std::string, int> KafkaHandle::topics() const {
  const rd_kafka_metadata_t* found = nullptr;
  const auto code = rd_kafka_metadata(handle_, 1, nullptr, &found, static_cast<int>(admin_time.count()));
  rd_kafka_poll(handle_, 0);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw failure("cannot ask for the topics", code);
  const std::unique_ptr<const rd_kafka_metadata_t, decltype(&rd_kafka_metadata_destroy)> owner(
      found, rd_kafka_metadata_destroy);
  std::map<std::string, int> topics;
  for (const auto& topic : std::span(found->topics, static_cast<size_t>(found->topic_cnt)))
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR) topics[topic.topic] = topic.partition_cnt;
  return topics;
}

void KafkaHandle::create_topics(const std::map<std::string, int>& partitions_of) const {
  std::vector<rd_kafka_NewTopic_t*> wanted;
  std::array<char, 512> why{};
  for (const auto& [name, partitions] : partitions_of)
    wanted.push_back(rd_kafka_NewTopic_new(name.c_str(), partitions, -1, why.data(), why.size()));
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(handle_), rd_kafka_queue_destroy);
  rd_kafka_CreateTopics(handle_, wanted.data(), wanted.size(), nullptr, queue.get());
  rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), static_cast<int>(admin_time.count())), rd_kafka_event_destroy);
  if (!event) throw failure("cannot create topics", "no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw failure("cannot create topics", rd_kafka_event_error_string(event.get()));
  size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (const auto* result : std::span(results, count)) {
    const auto code = rd_kafka_topic_result_error(result);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      throw failure(std::string("cannot create topic ") + rd_kafka_topic_result_name(result), code);
  }
}

KafkaProducer::KafkaProducer(const KafkaOptions& options, KafkaEnvironment environment)
    : KafkaHandle(RD_KAFKA_PRODUCER, options, std::move(environment)) {}

// librdkafka (2.0.2) ends the process where a producer is destroyed that still has partitions to add to its
// transaction.
KafkaProducer::~KafkaProducer() {
  if (in_transaction_)
    ErrorPtr(rd_kafka_abort_transaction(handle_, static_cast<int>(abort_time.count())),
             rd_kafka_error_destroy);
  for (const auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
  rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

void KafkaProducer::init(milliseconds within) {
  insist("cannot begin as the producer", within,
         [this](int timeout) { return rd_kafka_init_transactions(handle_, timeout); });
}

void KafkaProducer::begin() {
  undelivered_.clear();
  insist("cannot begin a transaction", 0ms, [this](int) { return rd_kafka_begin_transaction(handle_); });
  in_transaction_ = true;
}

bool KafkaProducer::send(const KafkaRecord& record, milliseconds within) {
  std::array<rd_kafka_vu_t, 16> fields{};
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> auto& {
    fields.at(count).vtype = type;
    return fields.at(count++).u;
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = topic(record.topic);
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = record.timestamp_ms;
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = reinterpret_cast<void*>(static_cast<intptr_t>(record.id));
  add(RD_KAFKA_VTYPE_VALUE).mem = {const_cast<char*>(record.payload.data()), record.payload.size()};
  if (record.key) add(RD_KAFKA_VTYPE_KEY).mem = {const_cast<char*>(record.key->data()), record.key->size()};
  const auto end = Clock::now() + within;
  while (true) {
    // Each attempt consumes its headers, if it succeeds.
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers)
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    auto all = fields;
    all.at(count).vtype = RD_KAFKA_VTYPE_HEADERS;
    all.at(count).u.headers = headers;
    const ErrorPtr error(rd_kafka_produceva(handle_, all.data(), count + 1), rd_kafka_error_destroy);
    if (!error) return true;
    rd_kafka_headers_destroy(headers);
    const auto code = rd_kafka_error_code(error.get());
    if (is_poison(code)) return false;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || stopping() || Clock::now() > end)
      throw failure("cannot send to topic " + std::string(record.topic), rd_kafka_error_string(error.get()));
    rd_kafka_poll(handle_, 10);
  }
}

rd_kafka_topic_t* KafkaProducer::topic(std::string_view name) {
  const auto [place, is_new] = topics_.try_emplace(std::string(name), nullptr);
  if (is_new) place->second = rd_kafka_topic_new(handle_, place->first.c_str(), nullptr);
  if (place->second == nullptr) throw failure("cannot use topic " + place->first, rd_kafka_last_error());
  return place->second;
}

void KafkaProducer::send_offset(const std::string& group, const std::string& topic_name, int partition,
                                const KafkaOffset& offset) {
  const std::array wanted{KafkaPartition{topic_name, partition, offset.offset}};
  const List list = list_of(wanted);
  list->elems[0].metadata = ::strdup(offset.metadata.c_str());  // the list frees it
  list->elems[0].metadata_size = offset.metadata.size();
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                        decltype(&rd_kafka_consumer_group_metadata_destroy)>
      member(rd_kafka_consumer_group_metadata_new(group.c_str()), rd_kafka_consumer_group_metadata_destroy);
  insist("cannot add the marker to the transaction", 30s, [&](int timeout) {
    return rd_kafka_send_offsets_to_transaction(handle_, list.get(), member.get(), timeout);
  });
}

void KafkaProducer::commit(milliseconds within) {
  insist("cannot commit the transaction", within,
         [this](int timeout) { return rd_kafka_commit_transaction(handle_, timeout); });
  in_transaction_ = false;
  if (!undelivered_.empty())  // librdkafka should have refused to commit
    throw failure("a committed transaction lacks records", undelivered_.front().second);
}

std::vector<std::pair<int64_t, std::string>> KafkaProducer::refused() const {
  rd_kafka_poll(handle_, 0);
  std::vector<std::pair<int64_t, std::string>> poison;
  for (const auto& [id, code] : undelivered_)
    if (is_poison(code)) poison.emplace_back(id, rd_kafka_err2str(code));
  return poison;
}

std::optional<int64_t> KafkaMessage::made_at() const {
  const int64_t time = rd_kafka_message_timestamp(message_.get(), nullptr);
  if (time < 0) return std::nullopt;
  return time;
}

std::vector<std::pair<std::string_view, std::string_view>> KafkaMessage::headers() const {
  std::vector<std::pair<std::string_view, std::string_view>> all;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return all;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       i++)
    all.emplace_back(name, std::string_view(static_cast<const char*>(value), value == nullptr ? 0 : size));
  return all;
}

KafkaConsumer::KafkaConsumer(KafkaOptions options, const std::string& group, KafkaEnvironment environment)
    : KafkaHandle(
          RD_KAFKA_CONSUMER,
          [&] {
            options.erase("retry.backoff.ms");  // a producer's
            options["group.id"] = group;
            options["isolation.level"] = "read_committed";
            options["enable.auto.commit"] = "false";
            options["enable.auto.offset.store"] = "false";
            options["auto.offset.reset"] = "error";
            return options;
          }(),
          std::move(environment)) {}

KafkaConsumer::~KafkaConsumer() = default;

std::optional<KafkaOffset> KafkaConsumer::committed(const std::string& topic, int partition,
                                                    milliseconds within) const {
  const std::array wanted{KafkaPartition{topic, partition}};
  const List list = list_of(wanted);
  const auto end = Clock::now() + within;
  while (true) {
    auto code = rd_kafka_committed(handle_, list.get(), static_cast<int>((10 * slice).count()));
    const rd_kafka_topic_partition_t& found = list->elems[0];
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = found.err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (found.offset < 0) return std::nullopt;
      return KafkaOffset{found.offset,
                         std::string(static_cast<const char*>(found.metadata), found.metadata_size)};
    }
    if (stopping() || Clock::now() > end) throw failure("cannot read the marker", code);
  }
}

std::pair<int64_t, int64_t> KafkaConsumer::bounds(const std::string& topic, int partition,
                                                  milliseconds within) const {
  std::pair<int64_t, int64_t> bounds;
  const auto code = rd_kafka_query_watermark_offsets(handle_, topic.c_str(), partition, &bounds.first,
                                                     &bounds.second, static_cast<int>(within.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw failure("cannot ask for the bounds of " + topic + "/" + std::to_string(partition), code);
  return bounds;
}

void KafkaConsumer::reassign(std::span<const KafkaPartition> ends, std::span<const KafkaPartition> begins) {
  const auto check = [this](rd_kafka_error_t* raw) {
    const ErrorPtr error(raw, rd_kafka_error_destroy);
    if (error) throw failure("cannot assign partitions", rd_kafka_error_string(error.get()));
  };
  for (const KafkaPartition& one : ends) queues_.erase({one.topic, one.partition});
  if (!ends.empty()) check(rd_kafka_incremental_unassign(handle_, list_of(ends).get()));
  for (const KafkaPartition& one : begins)
    queues_.emplace(std::pair(one.topic, one.partition), queue_of(one));
  if (!begins.empty()) check(rd_kafka_incremental_assign(handle_, list_of(begins).get()));
}

KafkaConsumer::Queue KafkaConsumer::queue_of(const KafkaPartition& partition) {
  Queue queue(rd_kafka_queue_get_partition(handle_, partition.topic.c_str(), partition.partition),
              [](rd_kafka_queue_t* one) {
                rd_kafka_queue_cb_event_enable(one, nullptr, nullptr);
                rd_kafka_queue_destroy(one);
              });
  if (!queue) throw failure("cannot read partitions", "no queue");
  rd_kafka_queue_forward(queue.get(), nullptr);
  rd_kafka_queue_cb_event_enable(
      queue.get(), [](rd_kafka_t*, void* news) { static_cast<News*>(news)->tell(); }, &news_);
  return queue;
}

std::vector<KafkaMessage> KafkaConsumer::read(std::span<const KafkaPartition> partitions, size_t most,
                                              milliseconds within) {
  news_.forget();
  std::vector<KafkaMessage> messages = take(partitions, most);
  if (!messages.empty()) return messages;
  news_.wait(within);
  return take(partitions, most);
}

std::vector<KafkaMessage> KafkaConsumer::take(std::span<const KafkaPartition> partitions, size_t most) {
  rd_kafka_poll(handle_, 0);  // what the connections say
  std::vector<KafkaMessage> messages;
  for (const KafkaPartition& one : partitions) take_from(one, most, messages);
  const auto trouble = std::ranges::find_if(messages, [](const auto& one) { return !one.error().empty(); });
  if (trouble != messages.end()) throw failure("cannot read", trouble->error());
  return messages;
}

// In portions, so that large messages are fewer.
void KafkaConsumer::take_from(const KafkaPartition& partition, size_t most,
                              std::vector<KafkaMessage>& messages) {
  rd_kafka_queue_t* queue = queues_.at({partition.topic, partition.partition}).get();
  std::array<rd_kafka_message_t*, 64> raw{};
  size_t taken = 0, bytes = 0;
  while (taken < most && bytes < most_bytes) {
    const size_t wanted = std::min(raw.size(), most - taken);
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 0, raw.data(), wanted);
    for (ssize_t i = 0; i < count; i++) {
      messages.emplace_back(raw.at(static_cast<size_t>(i)));
      bytes += messages.back().size();
    }
    if (count < static_cast<ssize_t>(wanted)) return;
    taken += wanted;
  }
}

void KafkaConsumer::News::tell() {
  const std::lock_guard lock(mutex_);
  is_there_ = true;
  changed_.notify_one();
}

void KafkaConsumer::News::forget() {
  const std::lock_guard lock(mutex_);
  is_there_ = false;
}

void KafkaConsumer::News::wait(milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [this] { return is_there_; });
}

void KafkaConsumer::announce(std::span<const KafkaPartition> partitions) {
  rd_kafka_commit(handle_, list_of(partitions).get(), 1);
}

}  // namespace tenfold::sidecar
