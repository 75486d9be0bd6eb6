// The zygote's side of its socket (wire/zygote.h), for programs that stand in for one in tests.
#pragma once

#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "wire/zygote.h"

namespace bimodal::sandbox {

// The descriptors of the next order; none when there will be no more.
inline std::vector<int> next_order() {
  char word[16];
  iovec part{.iov_base = word, .iov_len = sizeof word};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * wire::kOrderFds)];
  msghdr message{.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (::recvmsg(wire::kZygoteFd, &message, 0) <= 0) return {};
  std::vector<int> fds(wire::kOrderFds);
  std::memcpy(fds.data(), CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int) * fds.size());
  return fds;
}

inline void answer_order(int pidfd) {
  char word[] = "forked";
  iovec part{.iov_base = word, .iov_len = sizeof word - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof pidfd)]{};
  msghdr message{.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof pidfd);
  std::memcpy(CMSG_DATA(header), &pidfd, sizeof pidfd);
  ::sendmsg(wire::kZygoteFd, &message, 0);
}

}  // namespace bimodal::sandbox
