#include "sandbox/home_tag.h"

#include "base/ids.h"

namespace bimodal::sandbox {

HomeTag tag_of(const std::filesystem::path& home) {
  std::error_code ignored;
  std::filesystem::path real = std::filesystem::weakly_canonical(home, ignored);
  std::string digest = sha256_hex((ignored ? home : real).native());
  return HomeTag{.hash = std::stoull(digest.substr(0, 15), nullptr, 16), .text = digest.substr(0, 6)};
}

}  // namespace bimodal::sandbox
