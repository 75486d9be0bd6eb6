// Users and groups of an image, from its /etc/passwd and /etc/group. Pure; thread-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::image {

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// "user", "user:group", ":group"; names or numbers. A number without a group means the group of that number, as
// Docker has it; a name without a group means its group in `passwd`. FailedPrecondition names who is unknown.
Result<Owner> find_owner(const std::string& text, std::string_view passwd, std::string_view group);

// The home directory of a user given as "", "name", "uid" or either with ":group"; "/root" for root, "/" when unknown.
std::string home_of(const std::string& user, std::string_view passwd);

}  // namespace bimodal::image
