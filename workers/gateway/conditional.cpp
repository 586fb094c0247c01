#include "workers/gateway/conditional.hpp"

#include <algorithm>

namespace tenfold::gateway {
namespace {

// Without W/, which says that a tag is weak.
std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

}  // namespace

bool names_tag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const size_t begin = list.find_first_not_of(" \t,");
    if (begin == std::string_view::npos) return false;
    list.remove_prefix(begin);
    if (list.front() == '*') return true;
    // A tag may hold commas: it ends at its second quote.
    const size_t open = list.find('"');
    const size_t close = open == std::string_view::npos ? open : list.find('"', open + 1);
    if (close == std::string_view::npos) return false;
    if (opaque(list.substr(0, close + 1)) == opaque(etag)) return true;
    list.remove_prefix(close + 1);
  }
  return false;
}

void answer_conditionally(const sidecar::HttpRequest& request, sidecar::HttpAnswer& answer) {
  if (answer.status != 200 || (request.method != "GET" && request.method != "HEAD")) return;
  const std::string* etag = answer.header("ETag");
  if (etag == nullptr || !names_tag(request.header("if-none-match"), *etag)) return;
  answer.status = 304;
  answer.body.clear();
  std::erase_if(answer.headers, [](const auto& one) {
    return sidecar::equal_ignoring_case(one.first, "Content-Type") ||
           sidecar::equal_ignoring_case(one.first, "Content-Encoding");
  });
}

}  // namespace tenfold::gateway
