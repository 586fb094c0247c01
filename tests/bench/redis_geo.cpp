// Redis GEOSEARCH by several threads over one Unix socket each, a request at a time: what pgbench is for
// Postgres.
//
// Usage: redis_geo SOCKET CLIENTS SECONDS RADIUS_M < points ("lat lng" a line); prints searches a second.
#include <hiredis/hiredis.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Point {
  double lat, lng;
};

std::vector<Point> read_points() {
  std::vector<Point> points;
  Point p;
  while (std::scanf("%lf %lf", &p.lat, &p.lng) == 2) points.push_back(p);
  return points;
}

// Searches until told to stop; gives how many.
long search(const char* socket, const std::vector<Point>& points, const std::string& radius,
            const std::atomic<bool>& stop) {
  redisContext* redis = redisConnectUnix(socket);
  if (!redis || redis->err) std::abort();
  std::mt19937 random(static_cast<unsigned>(std::hash<std::thread::id>{}(std::this_thread::get_id())));
  long count = 0;
  for (; !stop; count++) {
    const Point p = points[random() % points.size()];
    const double shift = static_cast<int>(random() % 200 - 100) * 1e-5;
    auto* reply = static_cast<redisReply*>(
        redisCommand(redis, "GEOSEARCH hotels FROMLONLAT %f %f BYRADIUS %s m ASC COUNT 20 WITHDIST",
                     p.lng + shift, p.lat + shift, radius.c_str()));
    if (!reply || reply->type != REDIS_REPLY_ARRAY) std::abort();
    freeReplyObject(reply);
  }
  redisFree(redis);
  return count;
}

}  // namespace

int main(int, char** argv) {
  const std::vector<Point> points = read_points();
  const double seconds = std::atof(argv[3]);
  std::atomic<bool> stop = false;
  std::atomic<long> total = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < std::atoi(argv[2]); i++)
    clients.emplace_back([&] { total += search(argv[1], points, argv[4], stop); });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (auto& client : clients) client.join();
  std::printf("%f\n", total / seconds);
}
