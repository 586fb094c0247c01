// `tenfold list consumers`, `status` and `redrive`: what people ask one database. Each takes every setting as
// a flag.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/settings.hpp"
#include "commands/sql_session.hpp"

namespace tenfold::sidecar {

// What these commands share.
struct DatabaseCommands {
  std::function<Settings(const std::vector<std::string>& flags)> settle;

  // Of the settings that stand as flags behind a command.
  SqlSession connect(const CLI::App& command, const std::string& role) const;
  // One with room for such flags.
  CLI::App* add(CLI::App& app, const std::string& name, const std::string& purpose,
                const std::string& lesson);
};

void add_database_commands(CLI::App& app, DatabaseCommands& commands);

void list_consumers(SqlSession& database);
void list_kafka(SqlSession& database);
void list_topics(SqlSession& database);

}  // namespace tenfold::sidecar
