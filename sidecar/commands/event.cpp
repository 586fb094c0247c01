#include "commands/event.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

constexpr auto publish_lesson = R"(
  tenfold publish orders 42 '{"total": 7}' --header=traceparent=00-…    prints the event's id
  tenfold publish orders <lines                                         one event a line, all in one transaction:
      {"key": "42", "payload": {"total": 7}, "headers": {"traceparent": "00-…"}}

Key and headers may be absent from a line. An event without a key (here: '') has no order. The topic must exist:
SELECT tenfold.create_topic('orders');
)";

constexpr auto consume_lesson = R"(
  tenfold consume orders --follow                     what is published from now on, until ^C
  tenfold consume orders --from-beginning             what the log still keeps, then ends
  tenfold consume --consumer=billing                  what consumer billing has not seen, and moves its position

One JSON object a line: event_id, topic, key, published_at, headers, payload. Naming a topic moves nobody's position.
A consumer must be free: no daemon may hold it. Its failed events come too, when they are due. Each batch is noted as done
once it is written: who is killed before, gets it again.
)";

constexpr size_t lines_at_once = 1000;
constexpr std::chrono::milliseconds poll = 100ms, lease_renewal = 10s;
constexpr std::string_view event_json =
    "json_build_object('event_id', e.event_id, 'topic', {}, 'key', e.key, 'published_at', e.published_at, "
    "'headers', e.headers, 'payload', e.payload)";

[[noreturn]] void refuse(std::string message, std::string hint) {
  throw Failure{{Code::invalid_parameter, std::move(message), std::move(hint)}};
}

// publish

struct Publish {
  std::string topic;
  std::vector<std::string> key_and_payload, headers;
};

std::string headers_of(const std::vector<std::string>& words) {
  nlohmann::json headers = nlohmann::json::object();
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos)
      refuse("header \"" + word + "\" has no value", "write --header=NAME=VALUE");
    headers[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return headers.dump();
}

void publish_one(SqlSession& database, const Publish& asked) {
  const std::string &key = asked.key_and_payload[0], &payload = asked.key_and_payload[1];
  if (!nlohmann::json::accept(payload))
    refuse("the payload is no JSON", R"(quote it for the shell: '{"a": 1}')");
  const Rows rows = database.ask("SELECT tenfold.publish($1, nullif($2, ''), $3::jsonb, $4::jsonb)",
                                 arguments_of(asked.topic, key, payload, headers_of(asked.headers)));
  fmt::print("{}\n", rows.text(0, 0));
}

void check_line(const std::string& line, size_t number) {
  const nlohmann::json whole = nlohmann::json::parse(line, nullptr, false);
  if (!whole.is_object() || !whole.contains("payload"))
    refuse(fmt::format("line {} is no event; nothing is published", number),
           R"(a line is {"key": "…", "payload": …, "headers": {"…": "…"}})");
}

// The lines go as they are: numbers keep their digits.
void publish_lines(SqlSession& database, const std::string& topic, const std::vector<std::string>& lines) {
  database.ask(
      "SELECT tenfold.publish_many($1, array_agg(nullif(l.line ->> 'key', '') ORDER BY l.n), "
      "array_agg(l.line -> 'payload' ORDER BY l.n), array_agg(coalesce(l.line -> 'headers', '{}') ORDER BY "
      "l.n)) "
      "FROM unnest($2::jsonb[]) WITH ORDINALITY AS l(line, n)",
      arguments_of(topic, text_array(lines)));
}

void publish_stdin(SqlSession& database, const std::string& topic) {
  std::vector<std::string> lines;
  size_t number = 0, published = 0;
  const auto flush = [&] {
    if (!lines.empty()) publish_lines(database, topic, lines);
    published += lines.size();
    lines.clear();
  };
  database.ask("BEGIN");
  for (std::string line; std::getline(std::cin, line);) {
    number++;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    check_line(line, number);
    lines.push_back(std::move(line));
    if (lines.size() == lines_at_once) flush();
  }
  flush();
  database.ask("COMMIT");
  fmt::print("{} published\n", published);
}

void publish(SqlSession& database, const Publish& asked) {
  if (asked.key_and_payload.size() == 1)
    refuse("a key without a payload", "write TOPIC KEY PAYLOAD, or TOPIC alone and lines on standard input");
  if (!asked.key_and_payload.empty()) {
    publish_one(database, asked);
  } else {
    if (!asked.headers.empty()) refuse("--header is for one event", "lines have headers of their own");
    publish_stdin(database, asked.topic);
  }
}

// consume

struct Consume {
  std::string topic, consumer;
  bool follow = false, from_beginning = false;
};

std::string json_column(const std::string& topic) {
  return fmt::format(event_json, topic);
}

void print_line(std::string_view line) {
  fmt::print("{}\n", line);
}

// Exact as consumers are: what this snapshot sees, and the one before, if any, did not.
std::string read_topic(SqlSession& database, const std::string& topic,
                       const std::optional<std::string>& seen) {
  database.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const Rows snapshot = database.ask("SELECT pg_current_snapshot()");
  std::vector<Argument> arguments = arguments_of(topic);
  arguments.push_back({seen});
  database.each("SELECT " + json_column("$1::text") +
                    " FROM tenfold.event e WHERE e.topic_id = (SELECT t.topic_id FROM tenfold.topic t WHERE "
                    "t.name = $1) "
                    "AND ($2::pg_snapshot IS NULL OR e.xid >= pg_snapshot_xmax($2::pg_snapshot) "
                    "OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip($2::pg_snapshot)))) ORDER BY e.event_id",
                arguments, print_line);
  std::fflush(stdout);
  database.ask("COMMIT");
  return std::string(snapshot.text(0, 0));
}

void consume_topic(SqlSession& database, const Consume& asked) {
  if (!asked.follow && !asked.from_beginning)
    refuse("there is nothing to read", "add --from-beginning, --follow or both");
  if (database.ask("SELECT FROM tenfold.topic WHERE name = $1", arguments_of(asked.topic)).size() == 0)
    refuse("unknown topic \"" + asked.topic + "\"", "`tenfold list topics` shows them all");
  std::optional<std::string> seen;
  if (!asked.from_beginning) seen = database.ask("SELECT pg_current_snapshot()").text(0, 0);
  do {
    seen = read_topic(database, asked.topic, seen);
    if (asked.follow) std::this_thread::sleep_for(poll);
  } while (asked.follow);
}

// A consumer's lease, for as long as this lives.
class HeldConsumer {
 public:
  HeldConsumer(SqlSession& database, std::string name)
      : database_(database),
        name_(std::move(name)),
        instance_(fmt::format("consume:{}:{}", getpid(), std::time(nullptr))) {
    database_.ask("BEGIN");
    if (!renew()) {
      database_.ask("ROLLBACK");  // so that nobody shares with us
      refuse("consumer \"" + name_ + "\" is held by another instance",
             "`tenfold list consumers` shows which; name a topic to read beside it");
    }
    database_.ask("COMMIT");
  }

  ~HeldConsumer() {
    try {
      database_.ask("SELECT tenfold.release_consumers($1)", arguments_of(instance_));
    } catch (const SqlFailure&) {  // the lease ends by itself
    }
  }

  HeldConsumer(const HeldConsumer&) = delete;
  HeldConsumer& operator=(const HeldConsumer&) = delete;

  bool renew() {
    renewed_at_ = std::chrono::steady_clock::now();
    const Rows rows = database_.ask("SELECT epoch FROM tenfold.acquire_consumers($1, ARRAY[$2])",
                                    arguments_of(instance_, name_));
    if (rows.size() > 0) epoch_ = rows.text(0, 0);
    return rows.size() > 0;
  }

  bool renew_if_due() { return std::chrono::steady_clock::now() < renewed_at_ + lease_renewal || renew(); }

  // False: nothing new.
  bool print_batch() {
    const Rows batch = database_.ask("SELECT from_tick, to_tick FROM tenfold.next_batch($1, $2)",
                                     arguments_of(name_, epoch_));
    if (batch.size() == 0) return false;
    const std::string from(batch.text(0, 0)), to(batch.text(0, 1));
    database_.each("SELECT " + json_column("e.topic") + " FROM tenfold.batch_events($1, $2, $3) e",
                   arguments_of(name_, from, to), print_line);
    std::fflush(stdout);
    database_.ask("SELECT tenfold.finish_batch($1, $2, $3, $4)", arguments_of(name_, epoch_, from, to));
    return true;
  }

  bool print_retries() {
    const Rows due =
        database_.ask("SELECT e.event_id, " + json_column("e.topic") + " FROM tenfold.next_retries($1, $2) e",
                      arguments_of(name_, epoch_));
    std::vector<std::string> ids;
    for (int row = 0; row < due.size(); row++) {
      ids.emplace_back(due.text(row, 0));
      print_line(due.text(row, 1));
    }
    std::fflush(stdout);
    if (!ids.empty())
      database_.ask("SELECT tenfold.finish_retries($1, $2, $3)",
                    arguments_of(name_, epoch_, text_array(ids)));
    return !ids.empty();
  }

 private:
  SqlSession& database_;
  std::string name_, instance_, epoch_;
  std::chrono::steady_clock::time_point renewed_at_;
};

void consume_as(SqlSession& database, const Consume& asked) {
  if (asked.from_beginning)
    refuse("a consumer goes on where it stands",
           "create_consumer(…, start => 'beginning') makes one that begins there");
  HeldConsumer held(database, asked.consumer);
  database.ask("SELECT tenfold.tick()");
  while (true) {
    const bool had_batch = held.print_batch(), had_retries = held.print_retries();
    if (had_batch || had_retries) continue;
    if (!asked.follow) return;
    std::this_thread::sleep_for(poll);
    if (!held.renew_if_due()) refuse("consumer \"" + asked.consumer + "\" was given on", "begin again");
    database.ask("SELECT tenfold.tick()");
  }
}

void consume(SqlSession& database, const Consume& asked) {
  if (asked.topic.empty() == asked.consumer.empty())
    refuse("what to consume is not clear", "name a topic, or --consumer=NAME");
  if (asked.consumer.empty())
    consume_topic(database, asked);
  else
    consume_as(database, asked);
}

}  // namespace

void add_event_commands(CLI::App& app, DatabaseCommands& commands) {
  auto* publish_command = commands.add(app, "publish", "puts events into the log", publish_lesson);
  auto events = std::make_shared<Publish>();
  publish_command->add_option("topic", events->topic, "a topic of tenfold.topic")->required();
  publish_command->add_option("key-and-payload", events->key_and_payload, "absent: lines of standard input")
      ->expected(0, 2);
  publish_command->add_option("--header", events->headers, "NAME=VALUE, any number of them");
  publish_command->callback([publish_command, events, &commands] {
    SqlSession database = commands.connect(*publish_command, "tenfold_worker");
    publish(database, *events);
  });
  auto* consume_command = commands.add(app, "consume", "prints events as lines of JSON", consume_lesson);
  auto asked = std::make_shared<Consume>();
  consume_command->add_option("topic", asked->topic, "reads it, and moves nobody's position");
  consume_command->add_option("--consumer", asked->consumer, "reads as this one, and moves its position");
  consume_command->add_flag("--follow", asked->follow, "waits for more, until ^C");
  consume_command->add_flag("--from-beginning", asked->from_beginning, "what the log still keeps, too");
  consume_command->callback([consume_command, asked, &commands] {
    SqlSession database =
        commands.connect(*consume_command, asked->consumer.empty() ? "tenfold_operator" : "tenfold_worker");
    consume(database, *asked);
  });
}

}  // namespace tenfold::sidecar
