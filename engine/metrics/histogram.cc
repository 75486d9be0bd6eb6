#include "metrics/histogram.h"

#include <algorithm>
#include <numeric>

namespace bimodal::metrics {

std::uint64_t Spread::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

// Within its bucket a share is as far as its rank says: what Prometheus' histogram_quantile() does.
double Spread::quantile_s(double share) const {
  const double rank = share * static_cast<double>(count());
  double below = 0;
  for (std::size_t i = 0; i < kBounds_ns.size(); ++i) {
    const double here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      const double lower = i == 0 ? 0 : static_cast<double>(kBounds_ns[i - 1]);
      const double upper = static_cast<double>(kBounds_ns[i]);
      return (lower + (upper - lower) * std::clamp((rank - below) / here, 0.0, 1.0)) / 1e9;
    }
    below += here;
  }
  return count() == 0 ? 0 : static_cast<double>(kBounds_ns.back()) / 1e9;
}

void Histogram::add_to(Spread& spread) const {
  for (std::size_t i = 0; i < buckets_.size(); ++i) spread.buckets[i] += buckets_[i].value();
  spread.sum_ns += sum_ns_.value();
}

}  // namespace bimodal::metrics
