#include "sandbox/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"

namespace bimodal::sandbox {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  if (in) out << in.rdbuf();
  return out.str();
}

Result<void> write_text(const std::filesystem::path& path, std::string_view text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno_error(errno, "open " + path.native());
  if (::write(file.get(), text.data(), text.size()) >= 0) return {};
  return errno_error(errno, "write " + path.native());
}

}  // namespace bimodal::sandbox
