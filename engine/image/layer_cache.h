// Layers by key: found on disk, joined while somebody else makes them, or made. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <string>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "async/task.h"
#include "base/result.h"
#include "image/builder.h"
#include "image/layer_store.h"

namespace bimodal::image {

// How one layer is made.
class LayerJob {
 public:
  virtual ~LayerJob() = default;
  virtual const std::string& key() const = 0;
  // A line for people: "RUN pip install x".
  virtual std::string origin() const = 0;
  // Fills scratch.tree(). False: there is nothing to add, and no layer is to be made.
  virtual Task<Result<bool>> make(const Scratch& scratch, BuildLog log) = 0;
};

class LayerCache {
 public:
  // What a caller that joins late still sees of the output so far.
  static constexpr std::size_t kReplayBytes = 256 << 10;

  LayerCache(LayerStore& store, BlockingPool& pool, boost::asio::any_io_executor executor);

  enum class Use { Cached, Fresh };  // Fresh: made again, and found instead of the old layer from then on
  struct Layer {
    std::string name;  // "" when the job had nothing to add
    bool was_there = false;
  };
  // `log` is called at once, maybe with nothing, when the layer isn't there yet. A cancelled caller leaves the making
  // to go on: its layer will be found.
  Task<Result<Layer>> get(std::shared_ptr<LayerJob> job, Use use, BuildLog log);

  // Waits for layers in the making; who makes them must have been stopped. Later get() calls fail with Cancelled.
  Task<void> close();

 private:
  struct Pending;

  Task<void> make(std::shared_ptr<LayerJob> job, std::shared_ptr<Pending> pending, LayerStore::Existing existing);
  Task<Result<std::string>> make_and_commit(
      std::shared_ptr<LayerJob> job, std::shared_ptr<Pending> pending, LayerStore::Existing existing);

  LayerStore& store_;
  BlockingPool& pool_;
  boost::asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<Pending>> pending_;
  Pulse emptied_;
  Scope scope_;
  bool closing_ = false;
};

}  // namespace bimodal::image
