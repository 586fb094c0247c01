#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace tenfold::sidecar {

prometheus::Counter& Metrics::counter(const std::string& name, const std::string& meaning,
                                      const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(meaning).Register(registry_).Add(labels);
}

prometheus::Histogram& Metrics::histogram(const std::string& name, const std::string& meaning,
                                          const Labels& labels) {
  const prometheus::Histogram::BucketBoundaries seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                        0.1,    0.25,  0.5,    1,     2.5,  5,     10};
  return prometheus::BuildHistogram().Name(name).Help(meaning).Register(registry_).Add(labels, seconds);
}

void Metrics::gauge(const std::string& name, const std::string& meaning, std::function<double()> read) {
  auto& gauge = prometheus::BuildGauge().Name(name).Help(meaning).Register(registry_).Add({});
  gauges_.emplace_back(&gauge, std::move(read));
}

std::string Metrics::text() {
  for (const auto& [gauge, read] : gauges_) gauge->Set(0);
  for (const auto& [gauge, read] : gauges_) gauge->Increment(read());
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace tenfold::sidecar
