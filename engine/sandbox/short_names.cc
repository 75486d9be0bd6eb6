#include "sandbox/short_names.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/mounts.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;

Result<void> ShortNames::add(const std::string& name, const fs::path& directory) {
  fs::path path = directory.has_filename() ? directory : directory.parent_path();
  TRY(std::string parent, mounted_parent(path.parent_path()));
  std::string target = parent + "/" + path.filename().native();
  if (::faccessat(scratch_, target.c_str(), F_OK, 0) != 0) {
    return error(Code::NotFound, "overlay mount: {}: no such directory", path.native());
  }
  if (::symlinkat(target.c_str(), scratch_, name.c_str()) == 0) return {};
  return errno_error(errno, "name layer " + path.native());
}

Result<std::string> ShortNames::mounted_parent(const fs::path& parent) {
  auto found = parents_.find(parent);
  if (found != parents_.end()) return found->second;
  std::string name = fmt::format("{}{}", prefix_, parents_.size());
  TRY(UniqueFd mount, clone_mount(AT_FDCWD, parent.native()));
  if (privilege_ == Privilege::Root) TRY_VOID(map_owners(mount.get(), user_namespace_, parent.native()));
  TRY(UniqueFd target, open_inside(scratch_, name, NodeKind::Directory));
  TRY_VOID(attach_mount(mount.get(), target.get(), parent.native()));
  parents_.emplace(parent, name);
  return name;
}

}  // namespace bimodal::sandbox
