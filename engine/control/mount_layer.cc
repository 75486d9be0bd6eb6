#include "control/mount_layer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include "base/ids.h"
#include "base/unique_fd.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kBlobMode = 0644;  // of the files under blobs/
constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kSharedDirectoryMode = 01777;

// Symbolic links at the root of the images that we build. A real directory of that name in a higher layer would hide
// the whole target, so files below them go where the link leads.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kRootLinks = {{
    {"/bin/", "/usr/bin/"},
    {"/sbin/", "/usr/sbin/"},
    {"/lib/", "/usr/lib/"},
    {"/lib64/", "/usr/lib64/"},
    {"/var/run/", "/run/"},
    {"/var/lock/", "/run/lock/"},
}};

tl::unexpected<Error> bad_path(const std::string& path, std::string_view why) {
  return error(Code::InvalidArgument, "mount: file name \"{}\" {}", path.substr(0, path.find('\0')), why);
}

Result<std::string> canonical_path(const std::string& path) {
  if (path.find('\0') != std::string::npos) return bad_path(path, "has a NUL");
  if (path.empty() || path.front() != '/') return bad_path(path, "is not absolute");
  if (path.size() > 4000) return bad_path(path.substr(0, 100) + "…", "is longer than 4000 bytes");
  for (const fs::path& part : fs::path(path)) {
    if (part == "..") return bad_path(path, "has \"..\"");
    if (part.native().size() > 255) return bad_path(path, "has a part longer than 255 bytes");
  }
  std::string normal = fs::path(path).lexically_normal().string();
  if (normal.back() == '/') return bad_path(path, "names no file");
  normal.erase(0, normal.find_first_not_of('/') - 1);  // POSIX gives "//" a meaning of its own
  return normal;
}

std::string behind_root_links(const std::string& path) {
  for (const auto& [link, target] : kRootLinks) {
    if (path.starts_with(link)) return std::string(target) + path.substr(link.size());
  }
  return path;
}

Result<void> check_no_file_is_a_directory(const std::map<std::string, MountedFile>& by_path) {
  for (const auto& [path, file] : by_path) {
    for (fs::path above = fs::path(path).parent_path(); above != "/"; above = above.parent_path()) {
      if (by_path.contains(above.string())) return bad_path(path, "lies below the file " + above.string());
    }
  }
  return {};
}

Result<void> make_directory(const fs::path& root, const std::string& inside) {
  bool shared = inside == "/tmp" || inside == "/var/tmp";  // the layer's mode hides the image's
  fs::path path = root / inside.substr(1);
  if (::mkdir(path.c_str(), kDirectoryMode) != 0) return errno_error(errno, "make " + path.string());
  if (::chmod(path.c_str(), shared ? kSharedDirectoryMode : kDirectoryMode) != 0) {
    return errno_error(errno, "chmod " + path.string());
  }
  return {};
}

Result<void> copy_file(const fs::path& source, const fs::path& target, unsigned mode) {
  std::error_code failure;
  fs::copy_file(source, target, failure);
  if (failure) return errno_error(failure.value(), "copy to " + target.string());
  UniqueFd fd(::open(target.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, "open " + target.string());
  if (::fchmod(fd.get(), mode) != 0) return errno_error(errno, "chmod " + target.string());
  if (::fsync(fd.get()) != 0) return errno_error(errno, "sync " + target.string());
  return {};
}

Result<void> place(const store::Blobs& blobs, const MountedFile& file, const fs::path& target) {
  if (!blobs.contains(file.sha256)) {
    return error(
        Code::FailedPrecondition, "mount: the content of {} (SHA-256 {}) was never uploaded", file.path, file.sha256);
  }
  fs::path source = blobs.path_of(file.sha256);
  if (file.mode == kBlobMode && ::link(source.c_str(), target.c_str()) == 0) return {};
  return copy_file(source, target, file.mode);  // EMLINK, another file system, or another mode
}

Result<void> fill(const store::Blobs& blobs, const std::vector<MountedFile>& files, const fs::path& root) {
  std::set<std::string> made = {"/"};
  for (const MountedFile& file : files) {
    fs::path path = behind_root_links(file.path);
    std::vector<std::string> missing;
    for (fs::path above = path.parent_path(); !made.contains(above); above = above.parent_path()) {
      missing.push_back(above);
    }
    for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
      TRY_VOID(make_directory(root, *it));
      made.insert(*it);
    }
    TRY_VOID(place(blobs, file, root / path.relative_path()));
  }
  return {};
}

}  // namespace

Result<std::vector<MountedFile>> canonical(std::vector<MountedFile> files) {
  std::map<std::string, MountedFile> by_path;
  for (MountedFile& file : files) {
    TRY(file.path, canonical_path(file.path));
    if (!store::Blobs::is_digest(file.sha256)) return bad_path(file.path, "has no SHA-256 in hex digits");
    file.mode = (file.mode & 0777) | 0444;  // every user of a container may read it; no set-uid from outside
    by_path[file.path] = std::move(file);
  }
  TRY_VOID(check_no_file_is_a_directory(by_path));
  std::vector<MountedFile> out;
  for (auto& [path, file] : by_path) out.push_back(std::move(file));
  return out;
}

std::string mount_id_of(const std::vector<MountedFile>& files) {
  std::string content;
  for (const MountedFile& file : files) {
    content += fmt::format("{}{}{}{:o}{}", file.path, '\0', file.sha256, file.mode, '\n');
  }
  return content_id("mo", content);
}

fs::path mount_layer_path(const fs::path& layers, const std::string& mount_id) {
  return layers / "mounts" / mount_id;
}

Result<void> make_mount_layer(
    const store::Blobs& blobs, const std::vector<MountedFile>& files, const fs::path& directory) {
  std::error_code failure;
  if (fs::exists(directory, failure)) return {};
  fs::path temporary = directory.parent_path() / (".new-" + random_text(16));
  fs::create_directories(temporary, failure);
  if (failure) return errno_error(failure.value(), "make " + temporary.string());
  Result<void> filled = fill(blobs, files, temporary);
  if (filled) {
    ::chmod(temporary.c_str(), kDirectoryMode);
    fs::rename(temporary, directory, failure);
    if (!failure) return {};
    // Another caller made the same layer meanwhile.
    std::error_code ignored;
    if (!fs::exists(directory, ignored)) filled = errno_error(failure.value(), "make " + directory.string());
  }
  fs::remove_all(temporary, failure);
  return filled;
}

}  // namespace bimodal::control
