// A request and its answer, as plain values: what handlers see of HTTP.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenfold::sidecar {

// A header of a request; the name is in lower case.
struct HttpHeader {
  std::string_view name;
  std::string_view value;
};

// Views into a message that lives until it is answered.
struct HttpRequest {
  std::string_view method;
  std::string_view path;   // as sent, still percent-encoded
  std::string_view query;  // without the question mark
  std::vector<HttpHeader> headers;
  std::string_view body;
  std::string_view request_id;  // the client's X-Request-Id if it is well-formed, else a new one
  std::string_view trace_id;    // of the client's traceparent; empty if there is none
  std::string_view peer;        // the address at the other end of the connection, without port

  // The first header of this (lower-case) name; empty if there is none.
  std::string_view header(std::string_view name) const {
    for (const HttpHeader& one : headers)
      if (one.name == name) return one.value;
    return {};
  }
};

struct HttpAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};  // not Content-Length, Date or Connection
  std::string body = {};

  // The header of this name, in whatever case; null if there is none.
  const std::string* header(std::string_view name) const;
  // Replaces it, or adds it.
  void set_header(std::string_view name, std::string value);
};

std::string_view reason_of(int status);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace tenfold::sidecar
