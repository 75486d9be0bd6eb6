// A page of metrics in Prometheus' text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/): filled by one module after the other, then written.
// One thread's.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/histogram.h"

namespace bimodal::metrics {

enum class Type { Counter, Gauge, Histogram };

// Names are as they come out, [a-z_]+; values may be any text. An empty value is the same as no such label.
using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

// All samples of one name.
class Family {
 public:
  Family(std::string name, std::string_view help, Type type);

  // One sample for each set of labels. A counter's name ends in _total.
  void add(const Labels& labels, std::uint64_t value);
  void add(const Labels& labels, std::int64_t value);
  void add(const Labels& labels, double value);
  // Of a Type::Histogram, in seconds.
  void add(const Labels& labels, const Spread& spread);

  const std::string& name() const { return name_; }
  // Its HELP and TYPE lines, then its samples.
  std::string text() const;

 private:
  void line(std::string_view suffix, std::string_view labels, std::string_view value);

  std::string name_;
  std::string help_;
  Type type_;
  std::string samples_;
};

class Page {
 public:
  // The family of that name, which the first call makes. A reference stays good.
  Family& family(std::string_view name, std::string_view help, Type type);
  // Families in the order of their making, also those without a sample.
  std::string text() const;

 private:
  std::deque<Family> families_;
};

}  // namespace bimodal::metrics
