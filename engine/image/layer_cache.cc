#include "image/layer_cache.h"

#include <list>

namespace bimodal::image {

struct LayerCache::Pending {
  explicit Pending(boost::asio::any_io_executor executor) : finished(std::move(executor)) {}

  void write(std::string_view text) {
    replay.append(text.substr(0, kReplayBytes - std::min(kReplayBytes, replay.size())));
    for (auto& listener : listeners) listener(text);
  }

  Pulse finished;
  std::optional<Result<std::string>> layer;
  std::string replay;  // the first kReplayBytes
  std::list<BuildLog> listeners;
};

namespace {

// Listens to a pending layer as long as it lives.
class Listener {
 public:
  Listener(std::list<BuildLog>& all, BuildLog log) : all_(all) { place_ = all_.insert(all_.end(), std::move(log)); }
  ~Listener() { all_.erase(place_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  std::list<BuildLog>& all_;
  std::list<BuildLog>::iterator place_;
};

}  // namespace

LayerCache::LayerCache(LayerStore& store, BlockingPool& pool, boost::asio::any_io_executor executor)
    : store_(store), pool_(pool), executor_(executor), emptied_(executor), scope_(executor, "image layers") {}

Task<Result<LayerCache::Layer>> LayerCache::get(std::shared_ptr<LayerJob> job, Use use, BuildLog log) {
  if (use == Use::Cached && !pending_.contains(job->key())) {
    auto look = [this, job] { return store_.find(job->key()); };
    auto found = co_await pool_.run(look);
    if (found) co_return Layer{.name = *found, .was_there = true};
  }
  if (closing_) co_return error(Code::Cancelled, "the server is stopping");
  if (!log) log = [](std::string_view) {};
  auto& slot = pending_[job->key()];
  bool first = !slot;
  if (first) slot = std::make_shared<Pending>(executor_);
  auto pending = slot;
  log(pending->replay);
  Listener listener(pending->listeners, std::move(log));
  if (first) {
    scope_.spawn(make(job, pending, use == Use::Fresh ? LayerStore::Existing::Replace : LayerStore::Existing::Keep));
  }
  while (!pending->layer) co_await pending->finished.wait(Deadline::never());
  if (!*pending->layer) co_return tl::unexpected<Error>(pending->layer->error());
  co_return Layer{.name = **pending->layer, .was_there = false};
}

Task<void> LayerCache::make(
    std::shared_ptr<LayerJob> job, std::shared_ptr<Pending> pending, LayerStore::Existing existing) {
  try {
    pending->layer = co_await make_and_commit(job, pending, existing);
  } catch (const std::exception& thrown) {  // whoever waits must hear of it
    pending->layer = error(Code::Internal, "{}: {}", job->origin(), thrown.what());
  }
  pending_.erase(job->key());
  pending->finished.notify_all();
  if (pending_.empty()) emptied_.notify_all();
}

Task<Result<std::string>> LayerCache::make_and_commit(
    std::shared_ptr<LayerJob> job, std::shared_ptr<Pending> pending, LayerStore::Existing existing) {
  auto open = [this] { return store_.scratch(); };
  CO_TRY(auto opened, co_await pool_.run(open));
  auto scratch = std::make_shared<Scratch>(std::move(opened));
  BuildLog log = [pending](std::string_view text) { pending->write(text); };
  auto filled = co_await job->make(*scratch, std::move(log));
  // Removing what wasn't committed takes long, too: the pool does either.
  auto finish = [this, scratch, job, existing, filled]() -> Result<std::string> {
    Scratch owned = std::move(*scratch);
    if (!filled) return tl::unexpected<Error>(filled.error());
    if (!*filled) return std::string();
    return store_.commit(std::move(owned), job->key(), job->origin(), existing);
  };
  co_return co_await pool_.run(finish);
}

Task<void> LayerCache::close() {
  closing_ = true;
  while (!pending_.empty()) co_await emptied_.wait(Deadline::never());
  co_await scope_.close();
}

}  // namespace bimodal::image
