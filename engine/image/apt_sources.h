// The host's Debian mirrors, from its apt sources. Pure but for read_host_sources.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bimodal::image {

// One-line entries ("deb URI suite main") for `release`, its updates and its security suite, out of a *.list file or
// a deb822 *.sources file. Other suites (backports, third parties) are left out, and so are options and deb-src.
std::vector<std::string> sources_in_list(std::string_view text, std::string_view release);
std::vector<std::string> sources_in_deb822(std::string_view text, std::string_view release);

// All of /etc/apt/sources.list and sources.list.d below `root`; empty on hosts of another release or distribution.
std::vector<std::string> read_host_sources(std::string_view release, const std::filesystem::path& root = "/");

}  // namespace bimodal::image
