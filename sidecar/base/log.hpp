// The log: one JSON object a line, or text where standard error is a terminal.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace spdlog {
class logger;
}

namespace tenfold::sidecar {

enum class LogLevel { debug, info, warning, error };

// A name and its text. Names: snake_case; request_id and trace_id tie lines to a request.
using LogField = std::pair<std::string_view, std::string_view>;

class Log {
 public:
  enum class Format { json, text };

  Log(Format format, LogLevel least);

  // Reads the settings log.format (auto, json, text) and log.level; auto means text on a terminal.
  static Log from_names(std::string_view format, std::string_view level);

  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void warning(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) const;

 private:
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const;

  Format format_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace tenfold::sidecar
