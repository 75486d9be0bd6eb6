// A temporary directory for tests, removed with all that is in it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "image/files.h"

namespace bimodal::image {

class TestDirectory {
 public:
  TestDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "image-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TestDirectory() { remove_tree(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  // Makes a file, and the directories above it, and returns its path.
  std::filesystem::path write(const std::string& name, std::string_view content, unsigned mode = 0644) const {
    (void)write_file(path_ / name, content, mode);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// The content of a file; "(missing)" when there is none.
inline std::string content_of(const std::filesystem::path& path) {
  return read_file(path, 1 << 20).value_or("(missing)");
}

}  // namespace bimodal::image
