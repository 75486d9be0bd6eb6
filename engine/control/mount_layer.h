// A mount on disk: the files that a client uploaded, as a directory that containers have as one of their overlay
// layers.
//
// Thread-safe; make_mount_layer() blocks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/blobs.h"

namespace bimodal::control {

struct MountedFile {
  std::string path;  // absolute, inside the container
  std::string sha256;
  unsigned mode = 0644;  // permission bits
};

// The same files in one order, each path once (the last one given counts), paths normalised. InvalidArgument for a path
// that is relative or has "..", NUL or no file name, for a digest that isn't one, and when a file is another file's
// directory.
Result<std::vector<MountedFile>> canonical(std::vector<MountedFile> files);

// Depends on the canonical files alone.
std::string mount_id_of(const std::vector<MountedFile>& files);

// Where the layer of a mount lies below the image builder's layers.
std::filesystem::path mount_layer_path(const std::filesystem::path& layers, const std::string& mount_id);

// Makes `directory` with the canonical files in it, unless it exists. It appears whole or not at all. Content is shared
// with the blobs by hard links where the mode allows it. FailedPrecondition names the first blob that wasn't uploaded.
Result<void> make_mount_layer(
    const store::Blobs& blobs, const std::vector<MountedFile>& files, const std::filesystem::path& directory);

}  // namespace bimodal::control
