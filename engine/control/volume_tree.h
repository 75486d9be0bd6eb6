// Changes of a volume's committed files, as one transaction makes them. Everything here runs inside a transaction, on
// the pool; what is asked for happens as a whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/volume_table.h"

namespace bimodal::control {

enum class Overwrite { Yes, No };

// NotFound names the volume.
Result<store::VolumeTable> open_volume(store::Transaction& transaction, const std::string& volume_id);

// AlreadyExists names the first file that stands in the way of Overwrite::No, InvalidArgument one whose path is a
// directory or lies below a file.
Result<void> put_entries(
    store::Transaction& transaction, const std::string& volume_id, const std::vector<store::VolumeEntry>& entries,
    Overwrite overwrite);

// NotFound when it isn't there; InvalidArgument for a directory that isn't empty, unless `recursive`.
Result<void> remove_entry(
    store::Transaction& transaction, const std::string& volume_id, const std::string& path, bool recursive);

// As cp(1) does: into `target` when that is a directory, else onto it.
Result<void> copy_entries(
    store::Transaction& transaction, const std::string& volume_id, const std::vector<std::string>& sources,
    const std::string& target, bool recursive);

}  // namespace bimodal::control
