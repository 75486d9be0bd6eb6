// Gives directories short names in a scratch filesystem, through one (idmapped) mount per parent directory.
//
// Mount options are cut at 4,096 bytes; with "l0:l1:…" even 500 layers fit. In the child that sets a sandbox up.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

class ShortNames {
 public:
  // `prefix` is what the names of the mounts begin with: two objects on one scratch filesystem need different ones.
  ShortNames(std::string prefix, int scratch, int user_namespace, Privilege privilege)
      : prefix_(std::move(prefix)), scratch_(scratch), user_namespace_(user_namespace), privilege_(privilege) {}

  // NotFound when there is no such directory.
  Result<void> add(const std::string& name, const std::filesystem::path& directory);

 private:
  Result<std::string> mounted_parent(const std::filesystem::path& parent);

  std::string prefix_;
  int scratch_;
  int user_namespace_;
  Privilege privilege_;
  std::map<std::filesystem::path, std::string> parents_;
};

}  // namespace bimodal::sandbox
