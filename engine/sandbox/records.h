// Remembers on disk which sandboxes live, so that what a killed daemon left can be removed at the next start.
//
// One symbolic link per sandbox in <home>/sandboxes (of a later generation: sandboxes-<g>), whose text says which upper
// directory it has.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

struct Record {
  std::string name;
  std::filesystem::path upper;
  bool keep_upper = false;
};

class Records {
 public:
  Records(const std::filesystem::path& home, int generation);

  // Makes the directory, for its owner only.
  Result<void> prepare() const;
  Result<void> add(const Spec& spec) const;
  void remove(const std::string& name) const;
  std::vector<Record> list() const;
  // An empty directory for every sandbox to mount its scratch filesystem over, in its own mount namespace.
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

}  // namespace bimodal::sandbox
