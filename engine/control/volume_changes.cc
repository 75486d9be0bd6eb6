#include "control/volume_changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/unique_fd.h"
#include "control/utf8.h"
#include "control/volume_paths.h"
#include "control/volume_tree.h"

namespace bimodal::control {
namespace {

using store::EntryType;
using store::VolumeEntry;

constexpr int kMaxDepth = 128;                 // directories; each costs a descriptor while it is read
constexpr std::size_t kInMemory = 256 * 1024;  // files up to this size are read whole
constexpr std::size_t kMaxPath = 4000;
constexpr unsigned kModeBits = 0777;

Signature signature_of(const struct stat& status) {
  Signature out;
  out.inode = status.st_ino;
  out.mode = status.st_mode;
  if (S_ISDIR(status.st_mode)) return out;
  out.size = static_cast<std::uint64_t>(status.st_size);
  out.changed_ns = status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec;
  return out;
}

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

bool is_opaque(int directory) {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    if (::fgetxattr(directory, name, &value, 1) == 1 && value == 'y') return true;
  }
  return false;
}

class Scan {
 public:
  Scan(store::Blobs& blobs, const Signatures& committed) : blobs_(blobs), committed_(committed) {}

  Result<VolumeChanges> run(const std::filesystem::path& upper) {
    UniqueFd root(::open(upper.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root && errno == ENOENT) return std::move(changes_);
    if (!root) return errno_error(errno, "open " + upper.string());
    TRY_VOID(read_directory(std::move(root), "", 0));
    // Made and removed again since the last commit: the overlay keeps no mark of it.
    for (const auto& [path, signature] : committed_) {
      if (!changes_.seen.contains(path) && !S_ISCHR(signature.mode)) changes_.removed.push_back(path);
    }
    return std::move(changes_);
  }

 private:
  Result<void> read_directory(UniqueFd fd, const std::string& path, int depth) {
    const int directory = fd.get();
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory), &::closedir);
    if (!stream) return errno_error(errno, "read a directory of a volume");
    fd.release();
    while (const dirent* each = ::readdir(stream.get())) {
      const std::string name = each->d_name;
      if (name == "." || name == "..") continue;
      const std::string below = joined_path(path, name);
      if (valid_utf8(name) != name || below.size() > kMaxPath || depth >= kMaxDepth) {
        ++changes_.left_out;
        continue;
      }
      TRY_VOID(read_entry(directory, name, below, depth));
    }
    return {};
  }

  Result<void> read_entry(int directory, const std::string& name, const std::string& path, int depth) {
    struct stat status{};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {};  // gone meanwhile
    if (changes_.seen.size() >= static_cast<std::size_t>(store::VolumeTable::kMaxEntries)) {
      return error(
          Code::ResourceExhausted, "a volume takes at most {} files and directories", store::VolumeTable::kMaxEntries);
    }
    if (S_ISDIR(status.st_mode)) return read_subdirectory(directory, name, path, depth);
    const Signature signature = signature_of(status);
    if (is_whiteout(status)) {
      if (note(path, signature)) changes_.removed.push_back(path);
      return {};
    }
    if (S_ISLNK(status.st_mode))
      return note(path, signature) ? read_link(directory, name, path, status) : Result<void>();
    if (!S_ISREG(status.st_mode)) return {};  // sockets and the like are of this container alone
    return note(path, signature) ? read_file(directory, name, path) : Result<void>();
  }

  // True when the last commit didn't have it like this.
  bool note(const std::string& path, const Signature& signature) {
    changes_.seen[path] = signature;
    auto before = committed_.find(path);
    return before == committed_.end() || before->second != signature;
  }

  Result<void> read_subdirectory(int directory, const std::string& name, const std::string& path, int depth) {
    UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0) return {};  // gone meanwhile, or something else by now
    Signature signature = signature_of(status);
    signature.opaque = is_opaque(fd.get());
    if (note(path, signature)) {
      if (signature.opaque) changes_.emptied.push_back(path);
      put(path, EntryType::Directory, status);
    }
    return read_directory(std::move(fd), path, depth + 1);
  }

  VolumeEntry& put(const std::string& path, EntryType type, const struct stat& status) {
    VolumeEntry entry{.path = path, .type = type, .mode = status.st_mode & kModeBits, .mtime = status.st_mtim.tv_sec};
    return changes_.put.emplace_back(std::move(entry));
  }

  Result<void> read_link(int directory, const std::string& name, const std::string& path, const struct stat& status) {
    std::string target(kMaxPath, '\0');
    const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size <= 0) return {};
    target.resize(static_cast<std::size_t>(size));
    put(path, EntryType::Symlink, status).content = std::move(target);
    return {};
  }

  Result<void> read_file(int directory, const std::string& name, const std::string& path) {
    UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    TRY(auto content, copy_content(fd.get(), static_cast<std::uint64_t>(status.st_size)));
    VolumeEntry& entry = put(path, EntryType::File, status);
    entry.content = content.first;
    entry.size = static_cast<std::int64_t>(content.second);
    return {};
  }

  // SHA-256 and size of what was read: the file may grow meanwhile.
  Result<std::pair<std::string, std::uint64_t>> copy_content(int fd, std::uint64_t size) {
    std::string buffer(kInMemory, '\0');
    if (size < kInMemory) {
      std::size_t have = 0;
      for (ssize_t n = 1; n > 0 && have < buffer.size(); have += static_cast<std::size_t>(n)) {
        n = ::read(fd, buffer.data() + have, buffer.size() - have);
        if (n < 0) return errno_error(errno, "read a file of a volume");
      }
      buffer.resize(have);
      TRY(std::string digest, blobs_.put(buffer));
      return std::pair(std::move(digest), have);
    }
    return copy_through_file(fd, buffer);
  }

  Result<std::pair<std::string, std::uint64_t>> copy_through_file(int fd, std::string& buffer) {
    struct Draft {
      std::filesystem::path path;
      ~Draft() { ::unlink(path.c_str()); }
    } draft{blobs_.temporary()};
    UniqueFd out(::open(draft.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!out) return errno_error(errno, "create " + draft.path.string());
    std::uint64_t total = 0;
    while (true) {
      const ssize_t got = ::read(fd, buffer.data(), buffer.size());
      if (got < 0) return errno_error(errno, "read a file of a volume");
      if (got == 0) break;
      for (ssize_t done = 0; done < got;) {
        const ssize_t n = ::write(out.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT)) {
          return error(Code::ResourceExhausted, "no space left on the server's disk for the volume: free some there");
        }
        if (n < 0) return errno_error(errno, "write " + draft.path.string());
        done += n;
      }
      total += static_cast<std::uint64_t>(got);
    }
    TRY(std::string digest, blobs_.adopt(draft.path));
    return std::pair(std::move(digest), total);
  }

  store::Blobs& blobs_;
  const Signatures& committed_;
  VolumeChanges changes_;
};

// A directory that is there already stays as it is, but for its mode.
Result<void> put_entry(store::VolumeTable& volume, const VolumeEntry& entry) {
  if (entry.type == EntryType::Directory) {
    TRY(auto standing, volume.find(entry.path));
    if (standing && standing->type == entry.type && standing->mode == entry.mode) return {};
  }
  return volume.put(entry);
}

}  // namespace

Result<VolumeChanges> scan_changes(
    store::Blobs& blobs, const std::filesystem::path& upper, const Signatures& committed) {
  return Scan(blobs, committed).run(upper);
}

Result<void> apply_changes(
    store::Transaction& transaction, const std::string& volume_id, const std::string& prefix,
    const VolumeChanges& changes) {
  TRY(store::VolumeTable volume, open_volume(transaction, volume_id));
  for (const std::string& path : changes.removed) TRY_VOID(volume.remove(joined_path(prefix, path)));
  for (const std::string& path : changes.emptied) TRY_VOID(volume.remove(joined_path(prefix, path)));
  for (VolumeEntry entry : changes.put) {
    entry.path = joined_path(prefix, entry.path);
    TRY_VOID(put_entry(volume, entry));
  }
  return volume.bump_revision();
}

}  // namespace bimodal::control
