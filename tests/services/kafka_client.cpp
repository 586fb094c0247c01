// What tests and benchmarks ask of Kafka, without tenfold's code.
//
//   kafka_client create ADDRESS TOPIC PARTITIONS [NAME=VALUE]…      unless it is there
//   kafka_client drop ADDRESS TOPIC
//   kafka_client configure ADDRESS TOPIC NAME=VALUE
//   kafka_client forget ADDRESS GROUP
//       its offsets
//   kafka_client read ADDRESS TOPIC
//       what a read_committed reader sees, from the beginning to the end
//   kafka_client send ADDRESS TOPIC
//       the lines of standard input, idempotently; fails unless all arrived
//   kafka_client follow ADDRESS TOPIC COUNT
//       reads on until so many have come; prints the rate, and the median and 99th percentile of the age of
//       messages whose payload has "at" (seconds)
//   kafka_client produce ADDRESS TOPIC COUNT BYTES BATCH
//       sends, a flush after each batch; prints the rate
//   kafka_client naive ADDRESS TOPIC DSN CONSUMER BATCH
//       a relay without transactions: sends a batch, then marks it as done, for ever
//   kafka_client apply ADDRESS TOPIC COUNT DSN STATEMENT
//       one transaction and one Kafka commit a message; prints the rate
//
// A line of read: partition, offset, key, payload, then name=value of each header; a line of send: key,
// payload, headers. All in hexadecimal, - for none, with a space between.
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

// Looks of a second each: a machine that sleeps spends one.
constexpr int patience = 30;

[[noreturn]] void fail(const std::string& why) {
  throw std::runtime_error(why);
}

std::string hex(const void* data, size_t size) {
  if (data == nullptr) return "-";
  std::string text = size == 0 ? "''" : "";
  char two[3];
  for (size_t i = 0; i < size; i++) {
    std::snprintf(two, sizeof two, "%02x", static_cast<const unsigned char*>(data)[i]);
    text += two;
  }
  return text;
}

std::string unhex(const std::string& text) {
  std::string bytes;
  if (text == "''") return bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

rd_kafka_t* client(rd_kafka_type_t type, const char* address,
                   std::vector<std::pair<const char*, const char*>> options) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char why[512];
  options.emplace_back("bootstrap.servers", address);
  options.emplace_back("log_level", "0");
  for (const auto& [name, value] : options)
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(why);
  rd_kafka_t* made = rd_kafka_new(type, conf, why, sizeof why);
  if (made == nullptr) fail(why);
  return made;
}

rd_kafka_t* reader(const char* address, const char* topic, int64_t from,
                   std::vector<std::pair<const char*, const char*>> options) {
  options.emplace_back("group.id", "kafka_client");
  options.emplace_back("isolation.level", "read_committed");
  options.emplace_back("enable.auto.commit", "false");
  rd_kafka_t* made = client(RD_KAFKA_CONSUMER, address, options);
  const rd_kafka_metadata_t* found = nullptr;
  rd_kafka_topic_t* handle = rd_kafka_topic_new(made, topic, nullptr);
  for (int look = 0; found == nullptr && look < patience; look++)
    rd_kafka_metadata(made, 0, handle, &found, 1000);
  if (found == nullptr) fail("no metadata");
  auto* list = rd_kafka_topic_partition_list_new(1);
  for (int i = 0; i < found->topics[0].partition_cnt; i++)
    rd_kafka_topic_partition_list_add(list, topic, i)->offset = from;
  rd_kafka_assign(made, list);
  rd_kafka_poll_set_consumer(made);
  return made;
}

int partitions_of(rd_kafka_t* consumer) {
  rd_kafka_topic_partition_list_t* list = nullptr;
  rd_kafka_assignment(consumer, &list);
  return list->cnt;
}

void print(const rd_kafka_message_t* message) {
  std::string line = std::to_string(message->partition) + " " + std::to_string(message->offset) + " " +
                     hex(message->key, message->key_len) + " " + hex(message->payload, message->len);
  rd_kafka_headers_t* headers = nullptr;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
      line += " " + std::string(name) + "=" + hex(value, size);
  std::puts(line.c_str());
}

rd_kafka_message_t* next_message(rd_kafka_t* consumer) {
  for (int look = 0; look < patience; look++)
    if (rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 1000); message != nullptr)
      return message;
  fail("no answer");
}

void read(const char* address, const char* topic) {
  rd_kafka_t* consumer =
      reader(address, topic, RD_KAFKA_OFFSET_BEGINNING, {{"enable.partition.eof", "true"}});
  for (int ends = 0; ends < partitions_of(consumer);) {
    rd_kafka_message_t* message = next_message(consumer);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
      ends++;
    else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      print(message);
    else
      fail(rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
  }
}

int undelivered = 0;

void take_report(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*self*/) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) undelivered++;
}

rd_kafka_t* sender(const char* address) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char why[512];
  // The same as the relay's, but for the transactions.
  const std::pair<const char*, const char*> options[] = {{"bootstrap.servers", address},
                                                         {"log_level", "0"},
                                                         {"enable.idempotence", "true"},
                                                         {"linger.ms", "5"},
                                                         {"batch.num.messages", "100000"},
                                                         {"batch.size", "1000000"},
                                                         {"queue.buffering.max.messages", "200000"},
                                                         {"partitioner", "murmur2_random"},
                                                         {"retry.backoff.ms", "1"},
                                                         {"reconnect.backoff.max.ms", "500"},
                                                         {"delivery.report.only.error", "true"}};
  for (const auto& [name, value] : options)
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(why);
  rd_kafka_conf_set_dr_msg_cb(conf, take_report);
  return rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
}

void send_one(rd_kafka_t* producer, const char* topic, const std::string* key, const std::string* payload,
              const std::vector<std::pair<std::string, std::string>>& own) {
  while (true) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(own.size());
    for (const auto& [name, value] : own)
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    const auto code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_KEY(key ? key->data() : nullptr, key ? key->size() : 0),
        RD_KAFKA_V_VALUE(payload ? const_cast<char*>(payload->data()) : nullptr,
                         payload ? payload->size() : 0),
        RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    rd_kafka_headers_destroy(headers);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(code));
    rd_kafka_poll(producer, 10);
  }
}

void flush(rd_kafka_t* producer) {
  if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR || undelivered > 0)
    fail("not all arrived");
}

void send(const char* address, const char* topic) {
  rd_kafka_t* producer = sender(address);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string key, payload;
    words >> key >> payload;
    std::vector<std::pair<std::string, std::string>> headers;
    for (std::string word; words >> word;)
      headers.emplace_back(word.substr(0, word.find('=')), unhex(word.substr(word.find('=') + 1)));
    const bool has_key = key != "-", has_payload = payload != "-";
    key = unhex(key);
    payload = unhex(payload);
    send_one(producer, topic, has_key ? &key : nullptr, has_payload ? &payload : nullptr, headers);
  }
  flush(producer);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double age_of(const rd_kafka_message_t* message) {
  const std::string text(static_cast<const char*>(message->payload), message->len);
  const size_t place = text.find("\"at\":");
  if (place == std::string::npos) return -1;
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return now - std::strtod(text.c_str() + place + 5, nullptr);
}

// From the end: what comes from now on. Says "ready" first.
void follow(const char* address, const char* topic, long count) {
  rd_kafka_t* consumer = reader(address, topic, RD_KAFKA_OFFSET_END, {{"enable.partition.eof", "true"}});
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> messages(10000);
  std::vector<double> ages;
  Clock::time_point start;
  long seen = 0;
  int ends = 0;
  while (seen < count) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 100, messages.data(), 1);
    if (got == 1)
      got += std::max<ssize_t>(
          0, rd_kafka_consume_batch_queue(queue, 0, messages.data() + 1, messages.size() - 1));
    for (ssize_t i = 0; i < got; i++) {
      const rd_kafka_message_t* message = messages[static_cast<size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && ++ends == partitions_of(consumer)) {
        std::puts("ready");
        std::fflush(stdout);
      }
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (seen++ == 0) start = Clock::now();
        if (const double age = age_of(message); age >= 0) ages.push_back(age);
      }
      rd_kafka_message_destroy(messages[static_cast<size_t>(i)]);
    }
  }
  std::printf("%.1f", static_cast<double>(seen) / seconds_since(start));
  std::sort(ages.begin(), ages.end());
  for (const double quantile : {0.5, 0.99})
    if (!ages.empty())
      std::printf(" %.6f", ages[static_cast<size_t>(quantile * static_cast<double>(ages.size() - 1))]);
  std::puts("");
}

void produce(const char* address, const char* topic, long count, size_t bytes, long batch) {
  rd_kafka_t* producer = sender(address);
  const std::string payload = "{\"n\": \"" + std::string(bytes - 9, 'x') + "\"}";
  const std::vector<std::pair<std::string, std::string>> headers{{"event_id", "1234567"},
                                                                 {"tick", "1234567"}};
  send_one(producer, topic, nullptr, &payload, headers);  // connects
  flush(producer);
  const auto start = Clock::now();
  for (long i = 0; i < count; i++) {
    const std::string key = std::to_string(i % 1000);
    send_one(producer, topic, &key, &payload, headers);
    if (i % batch == batch - 1) flush(producer);
  }
  flush(producer);
  std::printf("%.1f\n", static_cast<double>(count) / seconds_since(start));
}

void apply(const char* address, const char* topic, long count, const char* dsn, const char* statement) {
  PGconn* database = PQconnectdb(dsn);
  PQclear(PQprepare(database, "apply", statement, 0, nullptr));
  rd_kafka_t* consumer = reader(address, topic, RD_KAFKA_OFFSET_BEGINNING, {{"fetch.wait.max.ms", "10"}});
  Clock::time_point start = Clock::now();
  for (long seen = 0; seen < count;) {
    rd_kafka_message_t* message = next_message(consumer);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (seen++ == 0) start = Clock::now();
      const std::string key(static_cast<const char*>(message->key), message->key_len);
      const std::string payload(static_cast<const char*>(message->payload), message->len);
      const char* values[] = {key.c_str(), payload.c_str()};
      PGresult* result = PQexecPrepared(database, "apply", 2, values, nullptr, nullptr, 0);
      if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(PQerrorMessage(database));
      PQclear(result);
      if (rd_kafka_commit_message(consumer, message, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("no commit");
    }
    rd_kafka_message_destroy(message);
  }
  std::printf("%.1f\n", static_cast<double>(count) / seconds_since(start));
}

using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

Rows ask(PGconn* database, const char* statement, const std::vector<std::string>& texts) {
  std::vector<const char*> values;
  for (const std::string& text : texts) values.push_back(text.c_str());
  Rows rows(PQexecParams(database, statement, static_cast<int>(values.size()), nullptr, values.data(),
                         nullptr, nullptr, 0),
            PQclear);
  if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK) fail(PQerrorMessage(database));
  return rows;
}

std::string value(const Rows& rows, int row, int column) {
  return PQgetvalue(rows.get(), row, column);
}

bool relay_naively(PGconn* database, rd_kafka_t* producer, const char* topic, const std::string& consumer,
                   const std::string& batch) {
  const std::string instance = "naive:" + std::to_string(getpid());
  const Rows lease = ask(database, "SELECT epoch FROM tenfold.acquire_consumers($1, ARRAY[$2], '1 s')",
                         {instance, consumer});
  ask(database, "SELECT tenfold.tick()", {});
  if (PQntuples(lease.get()) == 0) return false;
  const std::string epoch = value(lease, 0, 0);
  const Rows ticks = ask(database, "SELECT from_tick, to_tick FROM tenfold.next_batch($1, $2, $3)",
                         {consumer, epoch, batch});
  if (PQntuples(ticks.get()) == 0) return false;
  const std::string from = value(ticks, 0, 0), to = value(ticks, 0, 1);
  const Rows events = ask(database, "SELECT event_id, key, payload FROM tenfold.batch_events($1, $2, $3)",
                          {consumer, from, to});
  for (int row = 0; row < PQntuples(events.get()); row++) {
    const std::string key = value(events, row, 1), payload = value(events, row, 2);
    send_one(producer, topic, &key, &payload, {{"event_id", value(events, row, 0)}, {"tick", to}});
  }
  flush(producer);
  ask(database, "SELECT tenfold.finish_batch($1, $2, $3, $4)", {consumer, epoch, from, to});
  return true;
}

void naive(const char* address, const char* topic, const char* dsn, const char* consumer, const char* batch) {
  rd_kafka_t* producer = sender(address);
  while (true) {
    PGconn* database = PQconnectdb(dsn);
    try {
      while (true)
        if (!relay_naively(database, producer, topic, consumer, batch)) usleep(5000);
    } catch (const std::exception& trouble) {
      std::fprintf(stderr, "%s\n", trouble.what());
      usleep(50000);
    }
    PQfinish(database);
  }
}

// The answer to a request that was just made.
rd_kafka_event_t* answer(rd_kafka_queue_t* queue) {
  rd_kafka_event_t* event = nullptr;
  for (int look = 0; event == nullptr && look < patience; look++) event = rd_kafka_queue_poll(queue, 1000);
  if (event == nullptr) fail("no answer");
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) fail(rd_kafka_event_error_string(event));
  return event;
}

void create(const char* address, const char* topic, int partitions,
            const std::vector<std::string>& settings) {
  rd_kafka_t* producer = sender(address);
  char why[512];
  rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic, partitions, -1, why, sizeof why);
  for (const std::string& one : settings)
    rd_kafka_NewTopic_set_config(wanted, one.substr(0, one.find('=')).c_str(),
                                 one.substr(one.find('=') + 1).c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(producer);
  rd_kafka_CreateTopics(producer, &wanted, 1, nullptr, queue);
  size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer(queue)), &count);
  const auto code = rd_kafka_topic_result_error(results[0]);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    fail(rd_kafka_err2str(code));
}

void drop(const char* address, const char* topic) {
  rd_kafka_t* producer = sender(address);
  rd_kafka_DeleteTopic_t* wanted = rd_kafka_DeleteTopic_new(topic);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(producer);
  rd_kafka_DeleteTopics(producer, &wanted, 1, nullptr, queue);
  answer(queue);
}

void configure(const char* address, const char* topic, const std::string& setting) {
  rd_kafka_t* producer = sender(address);
  rd_kafka_ConfigResource_t* wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  const size_t equals = setting.find('=');
  rd_kafka_ConfigResource_set_config(wanted, setting.substr(0, equals).c_str(),
                                     setting.substr(equals + 1).c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(producer);
  rd_kafka_AlterConfigs(producer, &wanted, 1, nullptr, queue);
  answer(queue);
}

void forget(const char* address, const char* group) {
  rd_kafka_t* producer = sender(address);
  rd_kafka_DeleteGroup_t* wanted = rd_kafka_DeleteGroup_new(group);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(producer);
  rd_kafka_DeleteGroups(producer, &wanted, 1, nullptr, queue);
  size_t count = 0;
  const auto* const* results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(answer(queue)), &count);
  if (const auto* error = rd_kafka_group_result_error(results[0])) fail(rd_kafka_error_string(error));
}

}  // namespace

int main(int count, char** words) {
  const std::string deed = count > 3 ? words[1] : "";
  try {
    if (deed == "create") create(words[2], words[3], std::atoi(words[4]), {words + 5, words + count});
    if (deed == "drop") drop(words[2], words[3]);
    if (deed == "configure") configure(words[2], words[3], words[4]);
    if (deed == "forget") forget(words[2], words[3]);
    if (deed == "read") read(words[2], words[3]);
    if (deed == "send") send(words[2], words[3]);
    if (deed == "follow") follow(words[2], words[3], std::atol(words[4]));
    if (deed == "produce")
      produce(words[2], words[3], std::atol(words[4]), static_cast<size_t>(std::atol(words[5])),
              std::atol(words[6]));
    if (deed == "naive") naive(words[2], words[3], words[4], words[5], words[6]);
    if (deed == "apply") apply(words[2], words[3], std::atol(words[4]), words[5], words[6]);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "kafka_client: %s\n", failure.what());
    std::fflush(stdout);
    std::_Exit(1);
  }
  std::fflush(stdout);
  std::_Exit(0);  // closing the consumer would wait for the group
}
