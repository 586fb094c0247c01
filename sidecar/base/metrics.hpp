// The process's own metrics, in Prometheus' text form at /metrics of the admin address.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tenfold::sidecar {

using Labels = std::map<std::string, std::string>;

// Names: tenfold_WORKER_THING_UNIT; counters end in _total. Keep what counter() and histogram() give: finding
// it again costs a lookup.
class Metrics {
 public:
  prometheus::Counter& counter(const std::string& name, const std::string& meaning,
                               const Labels& labels = {});
  // Of seconds, from half a millisecond to ten seconds.
  prometheus::Histogram& histogram(const std::string& name, const std::string& meaning,
                                   const Labels& labels = {});
  // Read whenever somebody asks. Several of one name are added up.
  void gauge(const std::string& name, const std::string& meaning, std::function<double()> read);

  std::string text();

 private:
  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
  std::vector<std::pair<prometheus::Gauge*, std::function<double()>>> gauges_;
};

}  // namespace tenfold::sidecar
