#include "workers/gateway/docs.hpp"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "http/wire.hpp"

namespace tenfold::gateway {
namespace {

constexpr auto page = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tenfold</title>
<link rel="stylesheet" href="./swagger-ui.css">
<link rel="icon" type="image/png" href="./favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="./swagger-ui-bundle.js"></script>
<script src="./start.js"></script>
</body>
</html>
)";

// A file of its own: the policy takes no script that stands in the page. Without validatorUrl, Swagger UI
// would show a badge from a server of theirs.
constexpr auto start = R"('use strict';
window.ui = SwaggerUIBundle({url: '../openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null});
)";

constexpr auto policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty())
    throw std::runtime_error("cannot read " + path +
                             "; gateway.docs must be a folder of the npm package swagger-ui-dist");
  return text.str();
}

// Weak: the compressed body has it too.
std::string tag_of(const std::string& body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(body.data(), body.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  constexpr char digits[] = "0123456789abcdef";
  std::string tag = "W/\"";
  for (size_t i = 0; i < 16; i++) {
    tag += digits[digest[i] >> 4U];
    tag += digits[digest[i] & 15U];
  }
  return tag + '"';
}

}  // namespace

Docs::Docs(const std::string& folder, size_t gzip_least) {
  files_[""].plain = files_[""].packed = {308, {{"Location", "docs/"}}};
  add("/", "text/html; charset=utf-8", page, gzip_least);
  add("/start.js", "text/javascript; charset=utf-8", start, gzip_least);
  add("/swagger-ui.css", "text/css; charset=utf-8", read_file(folder + "/swagger-ui.css"), gzip_least);
  add("/swagger-ui-bundle.js", "text/javascript; charset=utf-8", read_file(folder + "/swagger-ui-bundle.js"),
      gzip_least);
  add("/favicon-32x32.png", "image/png", read_file(folder + "/favicon-32x32.png"), gzip_least);
}

void Docs::add(const std::string& path, const std::string& type, std::string body, size_t gzip_least) {
  sidecar::HttpAnswer answer{200,
                             {{"Content-Type", type},
                              {"ETag", tag_of(body)},
                              {"Cache-Control", "public, max-age=3600"},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Content-Security-Policy", policy}},
                             std::move(body)};
  File& file = files_[path];
  file.plain = file.packed = std::move(answer);
  sidecar::compress_answer(file.packed, "gzip", gzip_least);
}

const sidecar::HttpAnswer* Docs::find(std::string_view path, std::string_view accept_encoding) const {
  const auto found = files_.find(path);
  if (found == files_.end()) return nullptr;
  return sidecar::accepts_gzip(accept_encoding) ? &found->second.packed : &found->second.plain;
}

}  // namespace tenfold::gateway
