#include "image/copy_layer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "image/accounts.h"
#include "image/layer_view.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

tl::unexpected<Error> disk_error(int failure, const std::string& path) {
  auto code = failure == ENOSPC || failure == EDQUOT ? Code::ResourceExhausted : Code::Internal;
  return error(code, "writing {} into the image: {}", path, std::strerror(failure));
}

Result<void> write_all(int to, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    auto count = ::write(to, data.data(), data.size());
    if (count < 0 && errno != EINTR) return disk_error(errno, path);
    data.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  return {};
}

Result<void> copy_bytes(int from, int to, const std::string& path) {
  while (true) {
    auto copied = ::copy_file_range(from, nullptr, to, nullptr, std::size_t{1} << 30, 0);
    if (copied == 0) return {};
    if (copied < 0 && errno != EINTR) break;
  }
  if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS) return disk_error(errno, path);
  std::array<char, 65536> buffer;
  while (true) {
    auto count = ::read(from, buffer.data(), buffer.size());
    if (count == 0) return {};
    if (count < 0) return disk_error(errno, path);
    TRY_VOID(write_all(to, std::string_view(buffer.data(), static_cast<std::size_t>(count)), path));
  }
}

// Docker's ADD unpacks local archives. We don't, and must not copy them whole in silence.
bool is_archive(int fd) {
  std::array<unsigned char, 512> head{};
  auto count = ::pread(fd, head.data(), head.size(), 0);
  auto begins = [&](std::string_view magic) {
    return count >= static_cast<ssize_t>(magic.size()) && std::memcmp(head.data(), magic.data(), magic.size()) == 0;
  };
  using namespace std::string_view_literals;
  return begins("\x1f\x8b"sv) || begins("BZh"sv) ||
         begins(
             "\xfd"sv
             "7zXZ\0"sv) ||
         begins("\x28\xb5\x2f\xfd"sv) || (count >= 262 && std::memcmp(head.data() + 257, "ustar", 5) == 0);
}

class TreeWriter {
 public:
  TreeWriter(const std::vector<fs::path>& below, fs::path tree) : tree_(std::move(tree)), view_(stack(below, tree_)) {}

  const LayerView& view() const { return view_; }
  void set_owner(Owner owner) { owner_ = owner; }

  // Makes `path` a directory and returns where it really is, links followed.
  Result<std::string> directory(const std::string& path) {
    TRY(auto entry, view_.resolve(path, LayerView::LastLink::Follow));
    if (entry.exists() && !entry.is_directory()) {
      return error(Code::FailedPrecondition, "{} in the image is a file, a directory is needed", path);
    }
    TRY_VOID(mirror(entry));
    return entry.path;
  }

  // The place for a file at `path`, its parent made. A file or link that is there in the new tree is removed.
  Result<fs::path> place_for_file(const std::string& path) {
    auto slash = path.rfind('/');
    TRY(auto parent, directory(slash == 0 ? "/" : path.substr(0, slash)));
    std::string real = (parent == "/" ? "" : parent) + path.substr(slash);
    TRY(auto entry, view_.resolve(real, LayerView::LastLink::Keep));
    if (entry.is_directory())
      return error(Code::FailedPrecondition, "{} in the image is a directory, not a file", path);
    fs::path place = on_disk(real);
    ::unlink(place.c_str());
    return place;
  }

  Result<void> take_ownership(const fs::path& place, const std::string& path) const {
    if (owner_.uid == ::geteuid() && owner_.gid == ::getegid()) return {};
    if (::lchown(place.c_str(), owner_.uid, owner_.gid) != 0) return disk_error(errno, path);
    return {};
  }

 private:
  static std::vector<fs::path> stack(std::vector<fs::path> below, const fs::path& tree) {
    below.push_back(tree);
    return below;
  }

  fs::path on_disk(const std::string& path) const { return tree_ / path.substr(1); }

  // Makes the directory of `entry` in the new tree, and those above it, like the ones below show them.
  Result<void> mirror(const LayerView::Entry& entry) {
    if (entry.path == "/") return {};
    fs::path place = on_disk(entry.path);
    struct stat present;
    if (::lstat(place.c_str(), &present) == 0) return {};
    auto slash = entry.path.rfind('/');
    TRY(auto parent, view_.resolve(slash == 0 ? "/" : entry.path.substr(0, slash), LayerView::LastLink::Follow));
    TRY_VOID(mirror(parent));
    if (::mkdir(place.c_str(), 0755) != 0) return disk_error(errno, entry.path);
    if (entry.exists()) return mirror_attributes(entry, place);
    ::chmod(place.c_str(), 0755);  // whatever the umask
    return take_ownership(place, entry.path);
  }

  static Result<void> mirror_attributes(const LayerView::Entry& entry, const fs::path& place) {
    const auto& as = entry.attributes;
    bool same_owner = as.st_uid == ::geteuid() && as.st_gid == ::getegid();
    if (!same_owner && ::lchown(place.c_str(), as.st_uid, as.st_gid) != 0) return disk_error(errno, entry.path);
    if (::chmod(place.c_str(), as.st_mode & 07777) != 0) return disk_error(errno, entry.path);
    return {};
  }

  fs::path tree_;
  LayerView view_;
  Owner owner_;
};

class CopyWriter {
 public:
  CopyWriter(const CopyStep& step, TreeWriter& tree) : step_(step), tree_(tree) {}

  Result<void> run() {
    TRY(auto destination, tree_.view().resolve(step_.destination, LayerView::LastLink::Follow));
    into_directory_ = step_.into_directory || destination.is_directory();
    for (const auto& source : step_.sources) TRY_VOID(source.is_directory ? copy_directory(source) : copy_file(source));
    return {};
  }

 private:
  Result<void> copy_directory(const CopySource& source) {
    TRY_VOID(tree_.directory(step_.destination));
    std::string below = step_.destination == "/" ? "/" : step_.destination + "/";
    for (const auto& [path, entry] : source.files) TRY_VOID(copy_entry(entry, below + path));
    return {};
  }

  Result<void> copy_file(const CopySource& source) {
    std::string target = step_.destination;
    if (into_directory_) target += (target == "/" ? "" : "/") + source.name;
    if (source.content) return write_content(*source.content, target);
    return copy_entry(source.files.at(0).second, target);
  }

  Result<void> copy_entry(const ContextEntry& entry, const std::string& target) {
    UniqueFd from(::open(entry.source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!from) return errno_error(errno, "reading the content of " + target);
    if (step_.is_add && is_archive(from.get())) {
      return error(
          Code::FailedPrecondition, "ADD does not unpack {} here: use COPY, and unpack it with a RUN step", target);
    }
    TRY(auto to, create(target, entry.mode));
    TRY_VOID(copy_bytes(from.get(), to.get(), target));
    return {};
  }

  Result<void> write_content(const std::string& content, const std::string& target) {
    TRY(auto to, create(target, 0644));
    return write_all(to.get(), content, target);
  }

  Result<UniqueFd> create(const std::string& target, unsigned mode) {
    TRY(auto place, tree_.place_for_file(target));
    UniqueFd to(::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) return disk_error(errno, target);
    TRY_VOID(tree_.take_ownership(place, target));
    if (::fchmod(to.get(), step_.chmod.value_or(mode) & 07777) != 0) return disk_error(errno, target);
    return to;
  }

  const CopyStep& step_;
  TreeWriter& tree_;
  bool into_directory_ = false;
};

}  // namespace

Result<void> write_copy(const CopyStep& step, const std::vector<fs::path>& below, const fs::path& tree) {
  TreeWriter writer(below, tree);
  if (!step.chown.empty()) {
    auto passwd = writer.view().read("/etc/passwd").value_or("");
    auto group = writer.view().read("/etc/group").value_or("");
    TRY(auto owner, find_owner(step.chown, passwd, group));
    writer.set_owner(owner);
  }
  return CopyWriter(step, writer).run();
}

Result<bool> write_directory(const std::string& path, const std::vector<fs::path>& below, const fs::path& tree) {
  TRY(auto entry, LayerView(below).resolve(path, LayerView::LastLink::Follow));
  if (entry.is_directory()) return false;
  TRY(auto made, TreeWriter(below, tree).directory(path));
  return !made.empty();
}

}  // namespace bimodal::image
