#include "workers/gateway/problem.hpp"

#include "base/json_text.hpp"

namespace tenfold::gateway {
namespace {

void append_member(std::string& out, std::string_view name, const std::string& text) {
  sidecar::append_json_string(out, name);
  out += ':';
  if (text.empty())
    out += "null";
  else
    sidecar::append_json_string(out, text);
}

}  // namespace

sidecar::HttpAnswer answer_of(const Problem& problem) {
  sidecar::HttpAnswer answer{problem.status, problem.headers};
  answer.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  answer.body = "{";
  append_member(answer.body, "code", problem.code);
  answer.body += ',';
  append_member(answer.body, "details", problem.details);
  answer.body += ',';
  append_member(answer.body, "hint", problem.hint);
  answer.body += ',';
  append_member(answer.body, "message", problem.message);
  answer.body += '}';
  return answer;
}

}  // namespace tenfold::gateway
