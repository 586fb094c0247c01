#include "commands/command_line.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "commands/call.hpp"
#include "commands/event.hpp"
#include "daemon/daemon.hpp"

extern char** environ;

namespace tenfold::sidecar {
namespace {

constexpr auto lesson = R"(
Try it, with Postgres and tenfold installed in the database `app`:

  tenfold run --workers=gateway --database.dsn='dbname=app'
  curl http://127.0.0.1:8080/api/v1/…          the routes of the table tenfold.route
  curl http://127.0.0.1:9180/readyz            also /healthz and /metrics

Each setting has one name and three places; the first that names it wins:

  a flag                --gateway.listen=0.0.0.0:8080
  a variable            TENFOLD_GATEWAY_LISTEN=0.0.0.0:8080
  the file of --config  [gateway]
                        listen = "0.0.0.0:8080"

`tenfold rotate-secret --help` tells how the keys of tokens are made and changed.
`tenfold list` shows workers and settings; `tenfold run --print-config` what is in force, and from where.
`tenfold status`, `list consumers`, `publish`, `consume` and `redrive` ask a database; each has a --help that teaches.
SIGHUP reads routes and keys again. SIGTERM finishes what is under way, then ends.
)";

struct Options {
  std::vector<std::string> workers;
  std::string config;
  bool check_only = false, print_only = false;
  std::map<std::string, std::string> flags;  // by setting
};

std::vector<SettingRow> all_settings(std::span<const Worker> workers) {
  std::vector<SettingRow> rows = daemon_settings();
  for (const Worker& worker : workers)
    rows.insert(rows.end(), worker.settings.begin(), worker.settings.end());
  return rows;
}

SettingLayer read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    throw Failure{{Code::invalid_parameter, "cannot read the configuration file " + path, "see --config"}};
  return read_toml(text.str(), "file " + path).value();
}

Settings settle(const Options& options, std::span<const SettingRow> rows) {
  std::vector<SettingLayer> layers;
  if (!options.config.empty()) layers.push_back(read_file(options.config));
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; variable++) variables.emplace_back(*variable);
  layers.push_back(read_environment(variables, rows).value());
  layers.push_back({"flag", options.flags});
  return Settings::merge(rows, layers).value();
}

std::vector<Worker> choose(std::span<const Worker> workers, const std::vector<std::string>& names) {
  std::vector<Worker> chosen;
  std::vector<std::string> known;
  for (const Worker& worker : workers) known.push_back(worker.name);
  for (const std::string& name : names) {
    const auto found = std::ranges::find(workers, name, &Worker::name);
    if (found == workers.end())
      throw Failure{{Code::invalid_parameter, "unknown worker \"" + name + "\"",
                     "did you mean " + nearest_word(name, known) + "? `tenfold list` shows them all"}};
    chosen.push_back(*found);
  }
  return chosen;
}

// Every setting is a flag. CLI11 would abbreviate and group them; here they are taken as they are written.
void take_flags(Options& options, const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); i++) {
    const std::string& word = words[i];
    if (!word.starts_with("--"))
      throw Failure{{Code::invalid_parameter, "unexpected word \"" + word + "\"",
                     "flags look like --gateway.listen=…"}};
    const size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    if (equals != std::string::npos) {
      options.flags[name] = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      options.flags[name] = words[++i];
    } else {
      throw Failure{{Code::invalid_parameter, "flag --" + name + " has no value", "write --" + name + "=…"}};
    }
  }
}

int run(const Options& options, std::span<const Worker> workers) {
  const std::vector<SettingRow> rows = all_settings(workers);
  const Settings settings = settle(options, rows);
  const std::vector<Worker> chosen = choose(workers, options.workers);
  if (options.print_only) fmt::print("{}", settings.print());
  if (options.check_only) fmt::print("the configuration is right\n");
  if (options.print_only || options.check_only) return 0;
  return Daemon(settings, chosen).run();
}

void list_settings(std::span<const SettingRow> rows) {
  for (const SettingRow& row : rows)
    fmt::print("  {:<26} {:<18} {}\n", row.name, row.standard.empty() ? "''" : row.standard, row.meaning);
}

int list_workers(std::span<const Worker> workers) {
  fmt::print("settings of every `tenfold run` (name, default, meaning)\n");
  list_settings(daemon_settings());
  for (const Worker& worker : workers) {
    fmt::print("\nworker {}: {}\n", worker.name, worker.purpose);
    list_settings(worker.settings);
  }
  return 0;
}

// Adds what workers offer to the command line. What was asked for is run as it is parsed.
void add_commands(CLI::App& app, std::span<const Worker> workers) {
  for (const Worker& worker : workers)
    for (const Command& command : worker.commands) {
      auto* added = app.add_subcommand(command.name, command.purpose);
      added->footer(command.lesson);
      const auto* option = added->add_option("--" + command.option, command.option_meaning)->required();
      added->callback([&command, option] { fmt::print("{}\n", command.run(option->as<std::string>())); });
    }
}

constexpr auto list_lesson = R"(
  tenfold list                                           the workers of this program, and every setting
  tenfold list consumers --database.dsn='dbname=app'     who reads the log, and how far each is behind
  tenfold list kafka --database.dsn='dbname=app'         who reads which topic of Kafka, and how far it is
  tenfold list topics --database.dsn='dbname=app'
)";

void add_list(CLI::App& app, DatabaseCommands& commands, std::span<const Worker> workers) {
  auto* command = commands.add(
      app, "list", "shows workers and settings, consumers, what is read of Kafka, or topics", list_lesson);
  auto what = std::make_shared<std::string>("workers");
  command->add_option("what", *what, "workers, consumers, kafka or topics")
      ->check(CLI::IsMember({"workers", "consumers", "kafka", "topics"}));
  command->callback([command, what, workers, &commands] {
    if (*what == "workers") {
      list_workers(workers);
      return;
    }
    SqlSession database = commands.connect(*command, "tenfold_operator");
    if (*what == "topics")
      list_topics(database);
    else if (*what == "kafka")
      list_kafka(database);
    else
      list_consumers(database);
  });
}

}  // namespace

int run_command_line(int count, const char* const* words, std::span<const Worker> workers) {
  Options options;
  CLI::App app("tenfold: one daemon that runs any set of workers beside Postgres");
  app.footer(lesson);
  app.require_subcommand(1);
  auto* run_command = app.add_subcommand("run", "runs workers until SIGTERM; takes every setting as a flag");
  run_command->allow_extras();
  run_command->add_option("--workers", options.workers, "which to run, with commas between")
      ->delimiter(',')
      ->envname("TENFOLD_WORKERS")
      ->required();
  run_command->add_option("--config", options.config, "a TOML file with settings")->envname("TENFOLD_CONFIG");
  run_command->add_flag("--check-config", options.check_only,
                        "says whether the configuration is right, and ends");
  run_command->add_flag("--print-config", options.print_only,
                        "prints what is in force, secrets masked, and ends");
  CallOptions call;
  auto* call_command =
      app.add_subcommand("call", "calls a provider by hand; takes every setting as a flag, --NAME=VALUE");
  call_command->allow_extras();
  call_command->add_option("--provider", call.provider, "a row of tenfold.provider")->required();
  call_command->add_option("--deadline", call.deadline, "seconds")->check(CLI::Range(0.001, 3600.0));
  call_command->add_option("url", call.urls, "what to GET, all at once")->required();
  DatabaseCommands commands{[&](const std::vector<std::string>& flags) {
    take_flags(options, flags);
    return settle(options, all_settings(workers));
  }};
  add_list(app, commands, workers);
  add_database_commands(app, commands);
  add_event_commands(app, commands);
  add_commands(app, workers);
  try {
    app.parse(count, words);
    if (*call_command) {
      take_flags(options, call_command->remaining());
      return call_provider(settle(options, all_settings(workers)), call);
    }
    if (!*run_command) return 0;
    take_flags(options, run_command->remaining());
    return run(options, workers);
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure);
  } catch (const SqlFailure& failure) {
    const std::string state = failure.sqlstate.empty() ? "" : " (" + failure.sqlstate + ")";
    fmt::print(stderr, "tenfold: {}{}\n", failure.what(), state);
    if (!failure.hint.empty()) fmt::print(stderr, "hint: {}\n", failure.hint);
    return 1;
  } catch (const Failure& failure) {
    fmt::print(stderr, "tenfold: {}\nhint: {}\n", failure.error.message, failure.error.hint);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "tenfold: {}\n", failure.what());
  }
  return 2;
}

}  // namespace tenfold::sidecar
