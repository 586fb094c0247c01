#include "commands/database.hpp"

#include <fmt/core.h>

#include <memory>

#include "commands/text_table.hpp"

namespace tenfold::sidecar {
namespace {

constexpr auto status_lesson = R"(
  tenfold status --database.dsn='dbname=app'
  tenfold status --json | jq '.consumers[] | select(.behind_seconds > 60)'

Queues: tenfold.queue_stats; consumers: tenfold.outbox_lag; breakers: tenfold.breaker_status; relays to Kafka:
tenfold.relay_status; what is read from it: tenfold.kafka_sink_status. The columns are explained by their comments: \d+ in
psql.
)";

constexpr auto redrive_lesson = R"(
  tenfold redrive billing                every dead event of consumer billing
  tenfold redrive billing --ids=17,21    these
  tenfold redrive http_call              every dead job of queue http_call

They get all their attempts anew, at once. Which are dead, and why: tenfold.event_failure and tenfold.job_dead. Messages
of Kafka (tenfold.kafka_dead) are handed over again in psql: SELECT * FROM tenfold.redrive_kafka('SOURCE').
)";

constexpr std::string_view not_preloaded = "TF008";

// What is shown of a view; its name is the key in JSON.
struct View {
  std::string title, source;
  std::vector<std::string> columns;
};

const View queues{"queues",
                  "tenfold.queue_stats",
                  {"queue", "waiting", "delayed", "parked", "running", "expired", "dead", "done_a_second"}};
const View consumers{"consumers",
                     "tenfold.outbox_lag",
                     {"consumer", "owner", "behind_events", "behind_seconds", "retrying", "parked", "dead",
                      "partitions_kept"}};
const View breakers{"breakers",
                    "tenfold.breaker_status",
                    {"provider", "state", "since", "retry_after", "openings", "calls", "failures", "slow"}};
const View relays{"relays", "tenfold.relay_status", {"consumer", "first_at", "trust", "problem"}};
const View sinks{"sinks",
                 "tenfold.kafka_sink_status",
                 {"source", "topic", "partition", "handler", "owner", "next_offset", "moved_at", "dead"}};
const View topics{
    "topics",
    "(SELECT name, partitions, max_bytes, schema IS NOT NULL AS has_schema FROM tenfold.topic) t",
    {"name", "partitions", "max_bytes", "has_schema"}};

std::string table_of(SqlSession& database, const View& view) {
  std::string list;
  for (const std::string& column : view.columns) list += (list.empty() ? "" : ", ") + column;
  const Rows found = database.ask("SELECT " + list + " FROM " + view.source + " ORDER BY 1, 2, 3");
  std::vector<std::vector<std::string>> rows;
  for (int row = 0; row < found.size(); row++) {
    rows.emplace_back();
    for (size_t i = 0; i < view.columns.size(); i++)
      rows.back().emplace_back(found.text(row, static_cast<int>(i)));
  }
  return text_table(view.columns, rows);
}

std::string json_of(SqlSession& database, const View& view) {
  const Rows found = database.ask("SELECT coalesce(json_agg(v), '[]') FROM " + view.source + " v");
  return fmt::format("\"{}\": {}", view.title, found.text(0, 0));
}

// Without shared memory there are no breakers, and the rest is told all the same.
std::string told(SqlSession& database, const View& view, bool as_json) {
  try {
    return as_json ? json_of(database, view) : view.title + "\n" + table_of(database, view);
  } catch (const SqlFailure& failure) {
    if (failure.sqlstate != not_preloaded) throw;
    return as_json ? "\"" + view.title + "\": null" : view.title + "\nnone: " + failure.what() + "\n";
  }
}

void show_status(SqlSession& database, bool as_json) {
  std::string text;
  for (const View* view : {&queues, &consumers, &breakers, &relays, &sinks}) {
    if (!text.empty()) text += as_json ? ", " : "\n";
    text += told(database, *view, as_json);
  }
  fmt::print("{}", as_json ? "{" + text + "}\n" : text);
}

bool exists(SqlSession& database, const std::string& table, const std::string& name) {
  return database.ask("SELECT FROM " + table + " WHERE name = $1", arguments_of(name)).size() > 0;
}

struct Redrive {
  std::string name;
  std::vector<int64_t> ids;
};

[[noreturn]] void refuse_unknown(SqlSession& database, const std::string& name) {
  std::vector<std::string> names;
  const Rows rows = database.ask("SELECT name FROM tenfold.consumer UNION SELECT name FROM tenfold.queue");
  for (int row = 0; row < rows.size(); row++) names.emplace_back(rows.text(row, 0));
  throw Failure{{Code::invalid_parameter, "no consumer and no queue is named \"" + name + "\"",
                 "did you mean " + nearest_word(name, names) + "?"}};
}

void redrive(SqlSession& database, const Redrive& asked) {
  const bool is_consumer = exists(database, "tenfold.consumer", asked.name);
  const bool is_queue = exists(database, "tenfold.queue", asked.name);
  if (is_consumer && is_queue)
    throw Failure{{Code::invalid_parameter, "\"" + asked.name + "\" is a consumer and a queue",
                   "call tenfold.redrive_events() or tenfold.redrive() in psql"}};
  if (!is_consumer && !is_queue) refuse_unknown(database, asked.name);
  std::vector<Argument> arguments = arguments_of(asked.name);
  arguments.emplace_back();  // all
  if (!asked.ids.empty()) arguments.back().value = "{" + CLI::detail::join(asked.ids) + "}";
  const Rows rows = database.ask(
      is_consumer
          ? "SELECT tenfold.redrive_events($1, $2::bigint[])"
          : "SELECT tenfold.redrive(ARRAY(SELECT d.job_id FROM tenfold.job_dead d JOIN tenfold.queue q "
            "USING (queue_id) WHERE q.name = $1 AND ($2::bigint[] IS NULL OR d.job_id = ANY ($2)) "
            "ORDER BY d.died_at))",
      arguments);
  fmt::print("{} redriven\n", rows.text(0, 0));
}

}  // namespace

SqlSession DatabaseCommands::connect(const CLI::App& command, const std::string& role) const {
  return {settle(command.remaining()).text("database.dsn"), role};
}

CLI::App* DatabaseCommands::add(CLI::App& app, const std::string& name, const std::string& purpose,
                                const std::string& lesson) {
  auto* command = app.add_subcommand(name, purpose);
  command->footer(lesson);
  command->allow_extras();
  return command;
}

void list_consumers(SqlSession& database) {
  fmt::print("{}", table_of(database, consumers));
}

void list_kafka(SqlSession& database) {
  fmt::print("{}", table_of(database, sinks));
}

void list_topics(SqlSession& database) {
  fmt::print("{}", table_of(database, topics));
}

void add_database_commands(CLI::App& app, DatabaseCommands& commands) {
  auto* status = commands.add(app, "status", "shows how queues, consumers, breakers, relays and sinks stand",
                              status_lesson);
  auto as_json = std::make_shared<bool>(false);
  status->add_flag("--json", *as_json, "one object, for programs");
  status->callback([status, as_json, &commands] {
    SqlSession database = commands.connect(*status, "tenfold_operator");
    show_status(database, *as_json);
  });
  auto* again = commands.add(
      app, "redrive", "brings dead events of a consumer, or dead jobs of a queue, back", redrive_lesson);
  auto asked = std::make_shared<Redrive>();
  again->add_option("name", asked->name, "a consumer or a queue")->required();
  again->add_option("--ids", asked->ids, "only these events or jobs, with commas between")->delimiter(',');
  again->callback([again, asked, &commands] {
    SqlSession database = commands.connect(*again, "tenfold_operator");
    redrive(database, *asked);
  });
}

}  // namespace tenfold::sidecar
