// Writes what a COPY, ADD or WORKDIR step puts into an image, as the tree of a new layer. Blocks on the disk.
//
// Places are looked up in the image below and in the new tree itself, so that links on the way (/lib -> usr/lib) are
// followed and directories that exist keep their mode and owner. New files and directories belong to 0:0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/plan.h"

namespace bimodal::image {

// `below`: paths of the image's layers, lowest first. `tree` is empty. Sources of a step with uv_version must have been
// given their files by then. FailedPrecondition: a file where a directory is needed or the other way round, an unknown
// user, an archive given to ADD. ResourceExhausted: disk full.
Result<void> write_copy(
    const CopyStep& step, const std::vector<std::filesystem::path>& below, const std::filesystem::path& tree);

// Makes `path` and what is missing above it. False when it was there already, and nothing was written.
Result<bool> write_directory(
    const std::string& path, const std::vector<std::filesystem::path>& below, const std::filesystem::path& tree);

}  // namespace bimodal::image
