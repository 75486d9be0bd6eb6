// The base images that this builder can provide, and what belongs to each. Pure, but for the functions that write.
//
// There is no registry: a Debian tree comes from a Debian mirror by mmdebstrap, and the Python images are that tree
// with its own Python where the images of those names have theirs.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/builder.h"

namespace bimodal::image {

inline constexpr std::string_view kDebianRelease = "bookworm";
inline constexpr std::string_view kPythonSeries = "3.11";  // Debian's own for that release

// What FROM may name, in words for error texts.
inline constexpr std::string_view kAvailableBases =
    "python:3.11-slim-bookworm (any 3.11 release, e.g. Image.debian_slim(python_version=\"3.11\")), "
    "debian:bookworm-slim and scratch";

enum class Base { Scratch, Debian, Python };

// From the name behind FROM. NotFound, naming what is available, for everything else.
Result<Base> find_base(const std::string& name);

ImageConfig config_of(Base base);

// Keys of the two layers, the lower one first: the Debian tree, and the names that make it a Python image.
std::string debian_key();
std::string python_names_key();

// The command that fills `target` with the Debian tree. `sources` are apt entries, empty for mmdebstrap's own default;
// `apt_options` are lines of apt.conf for this run.
std::vector<std::string> mmdebstrap_argv(
    const std::filesystem::path& target, const std::vector<std::string>& sources,
    const std::vector<std::string>& apt_options);

// Takes out of a fresh Debian tree what came from this host and sets what images have: no host name and resolver, no
// package caches, no services started by apt, Python not externally managed.
Result<void> finish_debian(const std::filesystem::path& tree);

// `python`, `python3`, `pip`, `pip3` in /usr/local/bin, and site-packages beside Debian's dist-packages.
Result<void> write_python_names(const std::filesystem::path& tree);

}  // namespace bimodal::image
