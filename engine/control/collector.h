// Removes what no app needs any more: mounts that no definition names, with their layers, and blobs of no mount.
//
// Every version of an app that the database keeps counts, also of a stopped one, and so does whatever a client has
// announced, sent or asked for within kKeep: a deploy under way finds what it was told to be there. Loop-bound; the
// work is done on the pool, a transaction and one walk through the blobs at start and every kPause.
#pragma once

#include <chrono>
#include <cstddef>

#include "async/scope.h"
#include "control/context.h"

namespace bimodal::control {

struct Collected {
  std::size_t mounts = 0;
  std::size_t blobs = 0;
};

class Collector {
 public:
  static constexpr std::chrono::hours kKeep{24 * 7};
  static constexpr std::chrono::hours kPause{24};
  static constexpr std::chrono::minutes kExpiryPause{5};

  explicit Collector(Context& context);

  void start();
  Task<void> close();

  // Once, now. Layers of mounts are left alone where they lie in a directory that other homes may share.
  Task<Result<Collected>> collect();

  // Once, now, and by itself every kExpiryPause: removes ephemeral objects whose client is gone, entries of dicts that
  // nobody used and partitions of queues whose time is over. They count as gone from then on, whenever this runs.
  Task<Result<void>> expire();

 private:
  Task<void> run();
  Task<void> run_expiry();

  Context& context_;
  Scope scope_;
};

}  // namespace bimodal::control
