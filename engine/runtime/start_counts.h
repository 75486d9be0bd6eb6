// How containers started and ended, for each function: kinds of starts, reasons of ends, how long the phases took.
// Loop-bound.
//
// At most kMaxFunctions names are told apart in the life of a daemon; further ones are counted together as "_OTHER".
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "metrics/histogram.h"
#include "metrics/page.h"
#include "model/model.h"
#include "scheduler/launcher.h"

namespace bimodal::runtime {

class StartCounts {
 public:
  static constexpr std::size_t kMaxFunctions = 500;

  // A container is warm. `kind` is a literal: "beginning", "reserve", ….
  void started(const model::FunctionVersion& version, std::string_view kind, const scheduler::StartTimes& times);
  // A container has ended; `started`: it had been warm.
  void ended(const model::FunctionVersion& version, scheduler::ExitKind how, bool started);

  void write(metrics::Page& page) const;

 private:
  using Names = std::tuple<std::string, std::string, std::string>;  // environment, app, function
  struct Counts {
    std::map<std::string_view, std::uint64_t> starts, exits;
    metrics::Histogram sandbox, import, enter;
  };

  Counts& of(const model::FunctionVersion& version);

  std::map<Names, Counts> counts_;
};

}  // namespace bimodal::runtime
