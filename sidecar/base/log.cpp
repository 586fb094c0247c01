#include "base/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>

#include "base/json_text.hpp"

namespace tenfold::sidecar {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    default:
      return "error";
  }
}

// UTC with milliseconds: 2026-01-31T12:00:00.123Z.
std::string time_text() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     milliseconds);
}

std::string json_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","message":)", time_text(), name_of(level));
  append_json_string(line, message);
  for (const auto& [name, text] : fields) {
    line += ',';
    append_json_string(line, name);
    line += ':';
    append_json_string(line, text);
  }
  return line + '}';
}

std::string text_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = fmt::format("{} {:<7} {}", time_text(), name_of(level), message);
  for (const auto& [name, text] : fields) {
    line += fmt::format("  {}=", name);
    append_json_string(line, text);  // quoted: what a client sent cannot forge a line
  }
  return line;
}

}  // namespace

Log::Log(Format format, LogLevel least)
    : format_(format),
      logger_(
          std::make_shared<spdlog::logger>("tenfold", std::make_shared<spdlog::sinks::stderr_sink_st>())) {
  logger_->set_pattern("%v");
  logger_->set_level(level_of(least));
  logger_->flush_on(spdlog::level::debug);
}

Log Log::from_names(std::string_view format, std::string_view level) {
  const bool text = format == "text" || (format == "auto" && isatty(STDERR_FILENO) == 1);
  for (const LogLevel least : {LogLevel::debug, LogLevel::info, LogLevel::warning})
    if (level == name_of(least)) return {text ? Format::text : Format::json, least};
  return {text ? Format::text : Format::json, LogLevel::error};
}

void Log::debug(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::debug, message, fields);
}

void Log::info(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::info, message, fields);
}

void Log::warning(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::warning, message, fields);
}

void Log::error(std::string_view message, std::initializer_list<LogField> fields) const {
  write(LogLevel::error, message, fields);
}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  if (!logger_->should_log(level_of(level))) return;
  logger_->log(level_of(level), format_ == Format::json ? json_line(level, message, fields)
                                                        : text_line(level, message, fields));
}

}  // namespace tenfold::sidecar
