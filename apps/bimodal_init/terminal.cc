#include "terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cstring>

namespace bimodal::init {

namespace {

bool send_over(int socket, int fd) {
  char kind = sandbox::kTerminalMessage;
  iovec part{&kind, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

}  // namespace

bool take_terminal(const sandbox::InitPlan& plan) {
  const int outer = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  int locked = 0;
  if (outer < 0 || ::ioctl(outer, TIOCSPTLCK, &locked) != 0) return false;
  const int inner = ::ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  if (inner < 0 || !send_over(kTerminalSocket, outer)) return false;
  ::close(kTerminalSocket);
  ::close(outer);
  winsize size{};
  size.ws_row = static_cast<unsigned short>(plan.rows);
  size.ws_col = static_cast<unsigned short>(plan.columns);
  if (::ioctl(inner, TIOCSWINSZ, &size) != 0 || ::ioctl(inner, TIOCSCTTY, 0) != 0) return false;
  for (int number = 0; number < 3; ++number) {
    if (::dup2(inner, number) < 0) return false;
  }
  return inner < 3 || ::close(inner) == 0;
}

}  // namespace bimodal::init
