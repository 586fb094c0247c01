// Apache Kafka by librdkafka, as values and exceptions. Most calls wait for the broker: they belong on a
// KafkaThread, never on the loop.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/settings.hpp"

namespace tenfold::sidecar {

// What the broker or librdkafka refused, with the reason that the connection gave last: "timed out" alone
// would tell nobody that a certificate is wrong.
struct KafkaFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Settings by librdkafka's own names.
using KafkaOptions = std::map<std::string, std::string>;

// The settings kafka.*, which all workers share: where the brokers are, and how to be let in.
std::vector<SettingRow> kafka_settings();
KafkaOptions kafka_options(const Settings& settings);

// What librdkafka says goes to the log, by the loop's thread.
struct KafkaEnvironment {
  asio::any_io_executor loop;
  const Log* log;
  std::shared_ptr<const std::atomic<bool>> stopping;
  std::shared_ptr<std::map<std::string, std::chrono::steady_clock::time_point>>
      said;  // what, and when; the loop's
};

// A thread of its owner's for calls that wait. One call at a time, in order.
class KafkaThread {
 public:
  // Waits for the call under way.
  ~KafkaThread() {
    hurry();
    thread_.join();
  }

  // Calls it there, and resumes here with what it gave or threw. The work must own what it refers to: at the
  // end of the process, the waiting coroutine may be gone before the call has returned.
  template <class Work>
  Task<std::invoke_result_t<Work>> run(Work work) {
    auto there = [call = std::move(work)]() mutable -> Task<std::invoke_result_t<Work>> { co_return call(); };
    return asio::co_spawn(thread_.get_executor(), std::move(there), asio::use_awaitable);
  }

  // What does not succeed at once is not tried again.
  void hurry() { *stopping_ = true; }
  KafkaEnvironment environment(Loop& loop, const Log& log) const {
    return {loop.io().get_executor(), &log, stopping_, said_};
  }

 private:
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  decltype(KafkaEnvironment::said) said_ = std::make_shared<decltype(KafkaEnvironment::said)::element_type>();
  asio::thread_pool thread_{1};
};

// One client of librdkafka, of either kind.
class KafkaHandle {
 public:
  KafkaHandle(rd_kafka_type_t type, const KafkaOptions& options, KafkaEnvironment environment);
  ~KafkaHandle();
  KafkaHandle(const KafkaHandle&) = delete;
  KafkaHandle& operator=(const KafkaHandle&) = delete;

  rd_kafka_t* get() const { return handle_; }
  bool stopping() const { return *environment_.stopping; }

  // The failure of doing something, with the last word of the connections.
  KafkaFailure failure(const std::string& doing, const std::string& why) const;
  KafkaFailure failure(const std::string& doing, rd_kafka_resp_err_t code) const;

  // Topics the brokers have, and how many partitions each has.
  std::map<std::string, int> topics() const;
  void create_topics(const std::map<std::string, int>& partitions_of) const;

 protected:
  // Calls until it succeeds: passing troubles and time-outs are tried again until the deadline.
  using Attempt = std::function<rd_kafka_error_t*(int timeout_ms)>;
  void insist(const std::string& doing, std::chrono::milliseconds within, const Attempt& attempt) const;

 private:
  static void take_error(rd_kafka_t* handle, int code, const char* reason, void* self);
  static void take_log(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static void take_report(rd_kafka_t* handle, const rd_kafka_message_t* message, void* self);

  KafkaEnvironment environment_;
  std::string last_error_;

 protected:
  rd_kafka_t* handle_ = nullptr;
  std::vector<std::pair<int64_t, rd_kafka_resp_err_t>> undelivered_;  // id, why
};

// What is sent. It refers to bytes of the caller's, which are copied.
struct KafkaRecord {
  int64_t id;  // names it when it could not be delivered
  std::string_view topic;
  std::optional<std::string_view> key;
  std::string_view payload;
  int64_t timestamp_ms;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

// A committed offset of a consumer group.
struct KafkaOffset {
  int64_t offset;
  std::string metadata;
};

// A transactional producer: any failure that it throws leaves it fit only to be destroyed. The next one's
// init() ends the transaction that this one left open.
class KafkaProducer : public KafkaHandle {
 public:
  KafkaProducer(const KafkaOptions& options, KafkaEnvironment environment);
  ~KafkaProducer();

  // Fences every other producer of the same transactional.id.
  void init(std::chrono::milliseconds within);
  void begin();
  // False: this record will never be taken (too large, say); the others of the transaction are well.
  bool send(const KafkaRecord& record, std::chrono::milliseconds within);
  void send_offset(const std::string& group, const std::string& topic, int partition,
                   const KafkaOffset& offset);
  void commit(std::chrono::milliseconds within);

  // Records that the broker refused for what they are; their transaction failed.
  std::vector<std::pair<int64_t, std::string>> refused() const;

 private:
  rd_kafka_topic_t* topic(std::string_view name);

  std::unordered_map<std::string, rd_kafka_topic_t*> topics_;
  bool in_transaction_ = false;
};

// A received message. It holds librdkafka's own memory.
class KafkaMessage {
 public:
  explicit KafkaMessage(rd_kafka_message_t* message) : message_(message, rd_kafka_message_destroy) {}

  // Empty for a message; else it is none, but what librdkafka has to say.
  std::string error() const {
    return message_->err == RD_KAFKA_RESP_ERR_NO_ERROR ? "" : rd_kafka_message_errstr(message_.get());
  }
  std::string_view topic() const { return rd_kafka_topic_name(message_->rkt); }
  int partition() const { return message_->partition; }
  int64_t offset() const { return message_->offset; }
  std::optional<int64_t> made_at() const;  // in milliseconds
  std::optional<std::string_view> key() const { return bytes(message_->key, message_->key_len); }
  std::optional<std::string_view> payload() const { return bytes(message_->payload, message_->len); }
  std::vector<std::pair<std::string_view, std::string_view>> headers() const;
  size_t size() const { return message_->len + message_->key_len; }

 private:
  static std::optional<std::string_view> bytes(const void* data, size_t size) {
    if (data == nullptr) return std::nullopt;
    return std::string_view(static_cast<const char*>(data), size);
  }

  std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)> message_;
};

struct KafkaPartition {
  std::string topic;
  int partition;
  int64_t offset = RD_KAFKA_OFFSET_INVALID;  // the next to read

  auto operator<=>(const KafkaPartition&) const = default;
};

// Reads the partitions that it is told, committed messages only; it joins no group. Each partition has a
// queue of its own: one that nobody reads from does not hold the others up.
class KafkaConsumer : public KafkaHandle {
 public:
  KafkaConsumer(KafkaOptions options, const std::string& group, KafkaEnvironment environment);
  ~KafkaConsumer();

  // The group's committed offset; nothing if there is none. Waits for a transaction that is about to change
  // it.
  std::optional<KafkaOffset> committed(const std::string& topic, int partition,
                                       std::chrono::milliseconds within) const;
  // The first offset that is still there, and the one that the next message will get.
  std::pair<int64_t, int64_t> bounds(const std::string& topic, int partition,
                                     std::chrono::milliseconds within) const;

  // From now on without these, and with those, each from its offset. A partition may be in both: it begins
  // anew. What was read ahead of all others stays.
  void reassign(std::span<const KafkaPartition> ends, std::span<const KafkaPartition> begins);
  // At most so many of each of these partitions, which are assigned, and about 8 MB; waits until one has
  // some, somebody calls wake(), or the time is over. Throws for a position that the broker does not have any
  // more.
  std::vector<KafkaMessage> read(std::span<const KafkaPartition> partitions, size_t most,
                                 std::chrono::milliseconds within);
  void wake() { news_.tell(); }  // by any thread
  // Tells the group's offsets to Kafka, for people who watch the lag there. Waits for no answer.
  void announce(std::span<const KafkaPartition> partitions);

 private:
  using Queue = std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)>;

  // That there is something to read.
  class News {
   public:
    void tell();
    void forget();
    void wait(std::chrono::milliseconds most);

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_there_ = false;
  };

  Queue queue_of(const KafkaPartition& partition);
  std::vector<KafkaMessage> take(std::span<const KafkaPartition> partitions, size_t most);
  void take_from(const KafkaPartition& partition, size_t most, std::vector<KafkaMessage>& messages);

  News news_;
  std::map<std::pair<std::string, int>, Queue> queues_;
};

}  // namespace tenfold::sidecar
