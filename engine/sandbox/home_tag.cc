#include "sandbox/home_tag.h"

#include "base/ids.h"

namespace bimodal::sandbox {

HomeTag tag_of(const std::filesystem::path& home, int generation) {
  std::error_code ignored;
  std::filesystem::path real = std::filesystem::weakly_canonical(home, ignored);
  std::string text = (ignored ? home : real).native();
  if (generation > 0) text += "\n" + std::to_string(generation);
  std::string digest = sha256_hex(text);
  return HomeTag{.hash = std::stoull(digest.substr(0, 15), nullptr, 16), .text = digest.substr(0, 6)};
}

}  // namespace bimodal::sandbox
