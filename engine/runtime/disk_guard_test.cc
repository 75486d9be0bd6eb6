#include "runtime/disk_guard.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace bimodal::runtime {
namespace {

namespace fs = std::filesystem;

struct Directory {
  Directory() {
    char name[] = "/tmp/disk-guard-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { fs::remove_all(path); }
  void write(const std::string& name, std::size_t bytes) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << std::string(bytes, 'x');
  }
  fs::path path;
};

TEST(BytesBelow, CountsWhatFilesTakeOnTheDiskHoweverDeep) {
  Directory directory;
  directory.write("one", 64 << 10);
  directory.write("a/b/c/two", 64 << 10);
  EXPECT_GE(bytes_below(directory.path), 128u << 10);
  EXPECT_LT(bytes_below(directory.path), 256u << 10);
}

TEST(BytesBelow, FollowsNoLinkAndCountsNoHole) {
  Directory directory, other;
  other.write("large", 1 << 20);
  fs::create_directory_symlink(other.path, directory.path / "link");
  directory.write("hole", 1);
  fs::resize_file(directory.path / "hole", 1 << 30);
  EXPECT_LT(bytes_below(directory.path), 128u << 10);
}

TEST(BytesBelow, IsNothingForADirectoryThatIsGone) {
  EXPECT_EQ(bytes_below("/tmp/disk-guard-that-is-not-there"), 0u);
}

}  // namespace
}  // namespace bimodal::runtime
