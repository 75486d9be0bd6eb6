// Built images as the database knows them. Every function runs inside a transaction, on the pool.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "image/builder.h"
#include "store/database.h"

namespace bimodal::control {

struct ImageRecord {
  std::shared_ptr<const image::Image> image;
  std::string builder_version;  // "2025.06"
};

// Nullopt when it was never built, or when a layer of it is gone from `layers` (then it has to be built again).
Result<std::optional<ImageRecord>> load_image(
    store::Transaction& transaction, const std::filesystem::path& layers, const std::string& image_id);

// `request` is the serialised modal.client.ImageGetOrCreateRequest.
Result<void> save_image(
    store::Transaction& transaction, const std::string& image_id, const std::string& request,
    const ImageRecord& record);

// The JSON forms, for save and load.
std::string encode_layers(const image::Image& image);
std::string encode_config(const image::Image& image);
Result<image::Image> decode_image(const std::string& layers, const std::string& config);

}  // namespace bimodal::control
