#include "http/wire.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

namespace tenfold::sidecar {
namespace {

std::string gunzip(std::string_view packed, size_t size) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(wire, head) {
  const HttpAnswer answer{201, {{"Location", "/a"}}, "body"};
  EXPECT_EQ(
      wire_head(answer, {"now", "id"}),
      "HTTP/1.1 201 Created\r\nDate: now\r\nLocation: /a\r\nX-Request-Id: id\r\nContent-Length: 4\r\n\r\n");
}

TEST(wire, no_length_without_body) {
  const HttpAnswer answer{204};
  EXPECT_EQ(wire_head(answer, {"now", "", false}),
            "HTTP/1.1 204 No Content\r\nDate: now\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(has_body(HttpAnswer{304, {}, "x"}, {}));
  EXPECT_FALSE(has_body(HttpAnswer{200, {}, "x"}, {"", "", true, true}));
  EXPECT_TRUE(has_body(HttpAnswer{200, {}, "x"}, {}));
}

TEST(wire, a_value_cannot_end_its_header) {
  const HttpAnswer answer{200, {{"A", std::string("b\r\nEvil: 1\0c", 12)}}};
  EXPECT_NE(wire_head(answer, {}).find("A: bEvil: 1c\r\n"), std::string::npos);
}

TEST(wire, a_handler_says_nothing_of_the_connection) {
  const HttpAnswer answer{200,
                          {{"content-length", "99"},
                           {"Transfer-Encoding", "chunked"},
                           {"A b", "1"},
                           {"", "1"},
                           {"X\r\nEvil", "1"},
                           {"Good", "1"}},
                          "body"};
  EXPECT_EQ(wire_head(answer, {"now", "id"}),
            "HTTP/1.1 200 OK\r\nDate: now\r\nGood: 1\r\nX-Request-Id: id\r\nContent-Length: 4\r\n\r\n");
}

TEST(wire, targets) {
  EXPECT_EQ(origin_form("/a?b"), "/a?b");
  EXPECT_EQ(origin_form("HTTP://host:1/a?b=http://c"), "/a?b=http://c");
  EXPECT_EQ(origin_form("https://host"), "/");
  EXPECT_EQ(origin_form("http://host?a"), "?a");
  EXPECT_EQ(origin_form("/a://b"), "/a://b");
  EXPECT_EQ(origin_form("*"), "*");
}

TEST(wire, packed_bytes_have_another_tag) {
  for (const auto& [tag, packed] : {std::pair("\"1\"", "W/\"1\""), std::pair("W/\"1\"", "W/\"1\"")}) {
    HttpAnswer answer{200, {{"Content-Type", "text/plain"}, {"ETag", tag}}, std::string(5000, 'x')};
    compress_answer(answer, "gzip", 100);
    EXPECT_EQ(*answer.header("ETag"), packed);
    HttpAnswer plain{200, {{"Content-Type", "text/plain"}, {"ETag", tag}}, std::string(5000, 'x')};
    compress_answer(plain, "br", 100);
    EXPECT_EQ(*plain.header("ETag"), tag);
  }
}

TEST(wire, accepts_gzip) {
  for (const char* yes : {"gzip", "GZIP", "br, gzip", "gzip;q=0.1", "*", "gzip ; q=1", "*;q=0, gzip"})
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const char* no : {"", "br", "gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "*;q=0", "gzipped", ",,"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
}

TEST(wire, compresses_what_is_worth_it) {
  const std::string text(5000, 'x');
  const auto compressed = [&](std::string type, size_t least) {
    HttpAnswer answer{200, {{"Content-Type", std::move(type)}}, text};
    compress_answer(answer, "gzip", least);
    return answer.header("Content-Encoding") != nullptr && gunzip(answer.body, text.size()) == text;
  };
  EXPECT_TRUE(compressed("application/json; charset=utf-8", 100));
  EXPECT_FALSE(compressed("application/json", 5001));
  EXPECT_FALSE(compressed("image/png", 100));
}

TEST(wire, request_ids) {
  EXPECT_TRUE(is_request_id("Abc-1_2.3"));
  for (const std::string& no : {std::string(), std::string("a b"), std::string("a\n"), std::string(65, 'a')})
    EXPECT_FALSE(is_request_id(no));
}

TEST(wire, trace_ids) {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(trace_id_of(good), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(trace_id_of("00-00000000000000000000000000000000-b7ad6b7169203331-01"), "");
  EXPECT_EQ(trace_id_of("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "");
  EXPECT_EQ(trace_id_of("01" + good.substr(2)), "");
  EXPECT_EQ(trace_id_of(good.substr(1)), "");
}

TEST(message, headers_whatever_their_case) {
  HttpAnswer answer;
  answer.set_header("ETag", "1");
  answer.set_header("etag", "2");
  ASSERT_EQ(answer.headers.size(), 1U);
  EXPECT_EQ(*answer.header("ETAG"), "2");
  EXPECT_EQ(answer.header("Etag2"), nullptr);
}

}  // namespace
}  // namespace tenfold::sidecar
