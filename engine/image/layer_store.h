// Finished layers on disk, found by key. Thread-safe; every method blocks on the disk.
//
//   <layers>/<name>/                the layer's tree, an overlay lower directory; never edited once it has this name
//   <layers>/keys/<short key>.json  {"key", "layer", "origin"}: written, fsync'ed and renamed after the tree is durable
//   <layers>/scratch/<owner>/…      layers in the making; `owner` is locked while its process lives
//
// Names are short (16 hex digits): the names of all layers of an image go into the options of one mount. Several
// daemons may share one directory: renames decide, and nobody removes what isn't theirs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::image {

// A directory in the making, removed when it goes, unless it was committed. `tree` becomes the layer; what else is
// put into `directory` (an overlay's work directory, generated files) is dropped.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path directory);
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path tree() const { return directory_ / "tree"; }

 private:
  std::filesystem::path directory_;
};

class LayerStore {
 public:
  // Makes the directory when missing and removes scratch directories whose owner is gone.
  static Result<LayerStore> open(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path path_of(const std::string& layer) const { return directory_ / layer; }

  // The name of the finished layer for `key`.
  std::optional<std::string> find(const std::string& key) const;

  // An empty directory with an empty tree in it (mode 0755).
  Result<Scratch> scratch() const;

  // Makes the tree of `scratch` the layer of `key`, durably, and returns its name. `origin` is a line for people
  // ("RUN pip install …"). An existing layer of that key stays, and is returned, unless `replace`: then the new tree
  // gets a name of its own and the key leads to it from now on.
  enum class Existing { Keep, Replace };
  Result<std::string> commit(
      Scratch scratch, const std::string& key, const std::string& origin, Existing existing) const;

 private:
  LayerStore(std::filesystem::path directory, std::filesystem::path owned, UniqueFd lock);

  std::filesystem::path key_file(const std::string& key) const;

  std::filesystem::path directory_;
  std::filesystem::path owned_scratch_;
  UniqueFd lock_;
};

}  // namespace bimodal::image
