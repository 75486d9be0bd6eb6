// Rows of `images`: the images that were built.
#pragma once

#include <optional>
#include <string>

#include "store/database.h"

namespace bimodal::store {

struct BuiltImage {
  std::string image_id;
  std::string request;          // modal.client.ImageGetOrCreateRequest, serialised
  std::string builder_version;  // "2025.06"
  std::string layers;           // JSON array of layer names, lowest first
  std::string config;           // JSON: env, workdir, user, entrypoint, cmd, shell, labels, python
  double created_at = 0;        // Unix seconds
};

class ImageTable {
 public:
  explicit ImageTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> put(const BuiltImage& image);  // replaces the row of that id
  // False when there is no such image.
  Result<bool> remove(const std::string& image_id);
  Result<std::optional<BuiltImage>> find(const std::string& image_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
