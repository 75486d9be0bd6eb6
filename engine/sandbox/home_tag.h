// What tells one home's cgroups, interfaces, tables and user ranges from another's on the same machine, and those of
// two launchers of one home from each other (generation.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace bimodal::sandbox {

struct HomeTag {
  std::uint64_t hash = 0;  // of the home's real path
  std::string text;        // its first 6 hex digits

  std::string cgroup_name() const { return "bimodal-" + text; }
  std::string table_name() const { return "bimodal_" + text; }
  std::string interface_prefix() const { return "bm" + text + "x"; }  // + up to 5 digits; interfaces have 15 characters
};

// The home needs not exist yet.
HomeTag tag_of(const std::filesystem::path& home, int generation = 0);

}  // namespace bimodal::sandbox
