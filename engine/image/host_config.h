// The host's package configuration (pip, uv, apt, proxies, certificates) in the form that build steps can use.
//
// A step sees it through environment variables and one read-only directory, kHostDirectory, both of which are gone
// when the step ends: nothing of it stays in an image.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bimodal::image {

inline constexpr std::string_view kHostDirectory = "/.bimodal-host";

struct HostConfig {
  std::map<std::string, std::string> env;    // weaker than the image's own ENV
  std::map<std::string, std::string> files;  // name below kHostDirectory -> content
  // Directories of packages (find-links) to be shown below kHostDirectory: name -> path on the host.
  std::map<std::string, std::filesystem::path> directories;
  std::vector<std::string> apt_options;  // lines of apt.conf as on the host, for apt that runs on the host
};

// Reads the files that pip and uv would read on the host, below `root` (tests; "/" otherwise), as `environment` says.
// `apt_dump` is the output of `apt-config dump`, empty where there is no apt. Blocks on the disk.
//
// Kept: PIP_* and UV_* variables about indexes, certificates, retries and time limits; proxy variables; pip.conf and
// uv.toml; apt's proxies and certificates. uv, which doesn't read pip.conf, gets pip's indexes unless it has its own.
// Dropped: what names places of the host (caches, targets), and find-links directories that don't exist.
HostConfig read_host_config(
    const std::map<std::string, std::string>& environment, std::string_view apt_dump,
    const std::filesystem::path& root = "/");

// Writes the files below `directory` and makes the mount points of the directories.
Result<void> write_host_files(const HostConfig& config, const std::filesystem::path& directory);

}  // namespace bimodal::image
