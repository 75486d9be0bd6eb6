#include "image/layer_view.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <deque>

#include "image/files.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr int kMaxLinks = 40;  // as the kernel's own bound
constexpr std::uintmax_t kMaxReadBytes = 1 << 20;

bool is_whiteout(const struct stat& attributes) {
  return S_ISCHR(attributes.st_mode) && attributes.st_rdev == makedev(0, 0);
}

// Root mounts mark with trusted.*, mounts inside a user namespace with user.*.
bool is_opaque(const fs::path& directory) {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    if (::lgetxattr(directory.c_str(), name, &value, 1) == 1 && value == 'y') return true;
  }
  return false;
}

std::deque<std::string> components_of(const std::string& path) {
  std::deque<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    auto end = std::min(path.find('/', at), path.size());
    if (end > at) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

std::string link_target(const fs::path& link) {
  char buffer[PATH_MAX];
  auto length = ::readlink(link.c_str(), buffer, sizeof buffer);
  return length <= 0 ? "" : std::string(buffer, static_cast<std::size_t>(length));
}

}  // namespace

std::string normalize_path(const std::string& path, const std::string& base) {
  std::vector<std::string> kept;
  for (auto& part : components_of(path.starts_with('/') ? path : base + "/" + path)) {
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (part != ".") {
      kept.push_back(std::move(part));
    }
  }
  std::string out;
  for (const auto& part : kept) out += "/" + part;
  return out.empty() ? "/" : out;
}

LayerView::LayerView(std::vector<fs::path> lowest_first) : roots_(lowest_first.rbegin(), lowest_first.rend()) {}

LayerView::Found LayerView::look_up(const Stack& parent, const std::string& parent_path, const std::string& name) {
  Found found;
  found.entry.path = join(parent_path, name);
  for (const auto& directory : parent) {
    fs::path candidate = directory / name;
    struct stat attributes;
    if (::lstat(candidate.c_str(), &attributes) != 0) continue;
    bool first = !found.entry.exists();
    if (is_whiteout(attributes) || (!first && !S_ISDIR(attributes.st_mode))) break;
    if (first) {
      found.entry.on_disk = candidate;
      found.entry.attributes = attributes;
    }
    if (!S_ISDIR(attributes.st_mode)) break;
    found.below.push_back(candidate);
    if (is_opaque(candidate)) break;
  }
  return found;
}

Result<LayerView::Entry> LayerView::resolve(const std::string& path, LastLink last) const {
  auto pending = components_of(path);
  // The directories from the root to where we are, for "..".
  std::vector<Found> trail;
  auto to_root = [&] {
    trail.clear();
    Found root{.entry = {.path = "/", .on_disk = {}, .attributes = {}}, .below = roots_};
    if (!roots_.empty()) root.entry.on_disk = roots_.front();
    if (root.entry.exists()) ::lstat(root.entry.on_disk.c_str(), &root.entry.attributes);
    trail.push_back(std::move(root));
  };
  to_root();
  int links = 0;
  while (!pending.empty()) {
    std::string name = std::move(pending.front());
    pending.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      if (trail.size() > 1) trail.pop_back();
      continue;
    }
    const Found& parent = trail.back();
    if (parent.entry.exists() && !parent.entry.is_directory()) {
      return error(Code::FailedPrecondition, "{} in the image is not a directory", parent.entry.path);
    }
    Found found = look_up(parent.below, parent.entry.path, name);
    if (found.entry.is_link() && (!pending.empty() || last == LastLink::Follow)) {
      if (++links > kMaxLinks) return error(Code::FailedPrecondition, "too many symbolic links at {}", path);
      std::string target = link_target(found.entry.on_disk);
      auto inserted = components_of(target);
      pending.insert(pending.begin(), inserted.begin(), inserted.end());
      if (target.starts_with('/')) to_root();
      continue;
    }
    trail.push_back(std::move(found));
  }
  return std::move(trail.back().entry);
}

std::optional<std::string> LayerView::read(const std::string& path) const {
  auto entry = resolve(path, LastLink::Follow);
  if (!entry || !entry->exists()) return std::nullopt;
  return read_file(entry->on_disk, kMaxReadBytes);
}

}  // namespace bimodal::image
