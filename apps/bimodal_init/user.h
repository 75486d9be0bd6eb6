// Who the user's process runs as, looked up in the image's own /etc/passwd and /etc/group.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace bimodal::init {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};

// `text` is "", "name", "uid", "name:group" or "uid:gid". Empty: root. std::nullopt when a name is unknown.
// `passwd` and `group` are the contents of those files; malformed lines are skipped.
std::optional<User> find_user(const std::string& text, const std::string& passwd, const std::string& group);

}  // namespace bimodal::init
