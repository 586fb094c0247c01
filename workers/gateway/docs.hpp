// The API's pages for people: Swagger UI, from a folder of its npm package, with nothing from elsewhere.
#pragma once

#include "kernel/wall.hpp"

#include <map>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace tenfold::gateway {

class Docs {
 public:
  // Reads the files of the folder (of swagger-ui-dist) that are served. Throws std::runtime_error that names
  // the one that is missing. Bodies of at least `gzip_least` bytes are compressed here, once.
  Docs(const std::string& folder, size_t gzip_least);

  // The answer to GET {prefix}/docs + path: "" leads to "/", which is the page. Null: there is no such file.
  const sidecar::HttpAnswer* find(std::string_view path, std::string_view accept_encoding) const;

 private:
  struct File {
    sidecar::HttpAnswer plain, packed;
  };

  void add(const std::string& path, const std::string& type, std::string body, size_t gzip_least);

  std::map<std::string, File, std::less<>> files_;
};

}  // namespace tenfold::gateway
