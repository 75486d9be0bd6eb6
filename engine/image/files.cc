#include "image/files.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/log.h"

namespace bimodal::image {

namespace fs = std::filesystem;

std::optional<std::string> read_file(const fs::path& path, std::uintmax_t max_bytes) {
  std::error_code failure;
  if (!fs::is_regular_file(path, failure) || fs::file_size(path, failure) > max_bytes) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<void> write_file(const fs::path& path, std::string_view content, unsigned mode) {
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (!out || ::chmod(path.c_str(), mode) != 0) return error(Code::ResourceExhausted, "can't write {}", path.string());
  return {};
}

std::vector<fs::path> list_directory(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code failure;
  for (fs::directory_iterator it(directory, failure); !failure && it != fs::directory_iterator();
       it.increment(failure)) {
    entries.push_back(it->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

void remove_tree(const fs::path& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (!failure) return;
  // As an ordinary user: a step may have left directories that can't be searched.
  auto skip = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(path, skip, failure); !failure && it != fs::recursive_directory_iterator();
       it.increment(failure)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) ::chmod(it->path().c_str(), 0700);
  }
  fs::remove_all(path, failure);
  if (failure) log::warning("image: can't remove {}: {}", path.string(), failure.message());
}

}  // namespace bimodal::image
