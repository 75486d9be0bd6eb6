#include "cli/resources.h"

namespace bimodal::cli {

const Resources& resources() {
  static const Resources found = [] {
    std::filesystem::path binary = std::filesystem::read_symlink("/proc/self/exe");
    std::filesystem::path bin = binary.parent_path();
    return Resources{binary, bin / "bimodal-init", bin.parent_path() / "share" / "bimodal" / "runner"};
  }();
  return found;
}

}  // namespace bimodal::cli
