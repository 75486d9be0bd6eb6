#include "privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace bimodal::init {

const char* set_capabilities(std::uint64_t mask) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  for (int half = 0; half < 2; ++half) {
    auto bits = static_cast<std::uint32_t>(mask >> (32 * half));
    data[half].effective = data[half].permitted = bits;
  }
  return ::syscall(SYS_capset, &header, data) == 0 ? nullptr : "drop capabilities";
}

const char* bound_capabilities(std::uint64_t kept) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability) == 0) continue;
    if (errno == EINVAL) return nullptr;  // beyond the last one that this kernel knows
    return "bound capabilities";
  }
  return nullptr;
}

const char* become(const User& user, std::uint64_t kept) {
  if (::setgroups(user.groups.size(), user.groups.data()) != 0) return "set groups";
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return "set group";
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return "set user";
  return set_capabilities(user.uid == 0 ? kept : 0);
}

const char* refuse_new_privileges() {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? nullptr : "no_new_privs";
}

const char* filter_system_calls(std::string& program) {
  sock_fprog filter{
      .len = static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
      .filter = reinterpret_cast<sock_filter*>(program.data())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? nullptr : "seccomp";
}

}  // namespace bimodal::init
