// One client for both rivals, so that neither pays for the other's: so many threads, a connection each over a
// Unix socket, a request at a time, each at one of the points given.
//
// Usage: driver postgres CONNINFO CLIENTS SECONDS SQL < points     SQL with $1 latitude and $2 longitude,
// prepared once
//        driver redis SOCKET CLIENTS SECONDS RADIUS_M < points     GEOSEARCH … ASC COUNT 20 WITHDIST
//        driver redis-get SOCKET CLIENTS SECONDS KEY < points      GET
// Points are lines "lat lng"; prints requests a second.
#include <hiredis/hiredis.h>
#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Point {
  double lat, lng;
};

// Asks once at a point; says whether there was an answer.
using Ask = std::function<bool(Point)>;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "driver: %s\n", what);
  std::exit(1);
}

Ask postgres(const char* conninfo, const std::string& sql) {
  PGconn* db = PQconnectdb(conninfo);
  if (PQstatus(db) != CONNECTION_OK) fail(PQerrorMessage(db));
  const bool has_point = sql.find("$1") != std::string::npos;
  PQclear(PQprepare(db, "ask", sql.c_str(), 0, nullptr));
  return [db, has_point](Point p) {
    char lat[32], lng[32];
    std::snprintf(lat, sizeof lat, "%.6f", p.lat);
    std::snprintf(lng, sizeof lng, "%.6f", p.lng);
    const char* values[] = {lat, lng};
    PGresult* result = PQexecPrepared(db, "ask", has_point ? 2 : 0, values, nullptr, nullptr, 0);
    const ExecStatusType status = PQresultStatus(result);
    const bool done = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    // Two clients may pick the same hotel to remove; the one who comes second is not counted.
    if (!done && std::strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), "TFH04")) fail(PQerrorMessage(db));
    PQclear(result);
    return done;
  };
}

Ask redis(const char* socket, const std::string& radius) {
  redisContext* server = redisConnectUnix(socket);
  if (!server || server->err) fail("cannot connect to Redis");
  return [server, radius](Point p) {
    auto* reply = static_cast<redisReply*>(
        redisCommand(server, "GEOSEARCH hotels FROMLONLAT %f %f BYRADIUS %s m ASC COUNT 20 WITHDIST", p.lng,
                     p.lat, radius.c_str()));
    if (!reply || reply->type != REDIS_REPLY_ARRAY) fail("Redis gave no array");
    freeReplyObject(reply);
    return true;
  };
}

Ask redis_get(const char* socket, const std::string& key) {
  redisContext* server = redisConnectUnix(socket);
  if (!server || server->err) fail("cannot connect to Redis");
  return [server, key](Point) {
    auto* reply = static_cast<redisReply*>(redisCommand(server, "GET %s", key.c_str()));
    if (!reply || reply->type != REDIS_REPLY_STRING) fail("Redis has no such key");
    freeReplyObject(reply);
    return true;
  };
}

Ask ask_of(const std::string& kind, const char* where, const std::string& what) {
  if (kind == "redis") return redis(where, what);
  return kind == "redis-get" ? redis_get(where, what) : postgres(where, what);
}

std::vector<Point> read_points() {
  std::vector<Point> points;
  Point p;
  while (std::scanf("%lf %lf", &p.lat, &p.lng) == 2) points.push_back(p);
  return points;
}

// Each time another place within some 100 m of a point, so that nobody answers from what he just saw.
long ask_until(const std::atomic<bool>& stop, const Ask& ask, const std::vector<Point>& points, int seed) {
  std::mt19937 random(seed);
  long count = 0;
  while (!stop) {
    const Point p = points[random() % points.size()];
    const auto shift = [&] { return (static_cast<int>(random() % 2001) - 1000) * 1e-6; };
    count += ask({p.lat + shift(), p.lng + shift()});
  }
  return count;
}

}  // namespace

int main(int count, char** words) {
  if (count != 6)
    fail("usage: driver postgres|redis|redis-get WHERE CLIENTS SECONDS SQL|RADIUS|KEY < points");
  const std::vector<Point> points = read_points();
  const double seconds = std::atof(words[4]);
  std::atomic<bool> stop = false;
  std::atomic<long> total = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < std::atoi(words[3]); i++) {
    const Ask ask = ask_of(words[1], words[2], words[5]);
    clients.emplace_back([&, ask, i] { total += ask_until(stop, ask, points, i); });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (auto& client : clients) client.join();
  std::printf("%f\n", total / seconds);
}
