#include "store/image_table.h"

namespace bimodal::store {

Result<void> ImageTable::put(const BuiltImage& image) {
  TRY_VOID(transaction_.run(
      "INSERT OR REPLACE INTO images (image_id, request, builder_version, state, layers, config, result, created_at) "
      "VALUES (?, ?, ?, 'built', ?, ?, '', ?)",
      {image.image_id, Blob{image.request}, image.builder_version, image.layers, image.config, image.created_at}));
  return {};
}

Result<bool> ImageTable::remove(const std::string& image_id) {
  TRY(const int removed, transaction_.run("DELETE FROM images WHERE image_id = ?", {image_id}));
  return removed > 0;
}

Result<std::optional<BuiltImage>> ImageTable::find(const std::string& image_id) {
  std::optional<BuiltImage> found;
  TRY_VOID(transaction_.query(
      "SELECT image_id, request, builder_version, layers, config, created_at FROM images "
      "WHERE image_id = ? AND state = 'built'",
      {image_id}, [&](const Row& row) {
        found = BuiltImage{row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.real(5)};
      }));
  return found;
}

}  // namespace bimodal::store
