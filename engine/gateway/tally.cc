#include "gateway/tally.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/unique_fd.h"
#include "wire/frame.h"

namespace bimodal::gateway {
namespace {

constexpr std::size_t kPageSize = 4096;

Result<UniqueFd> make_page() {
  UniqueFd page(::memfd_create("tally", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!page) return errno_error(errno, "memfd_create");
  if (::ftruncate(page.get(), kPageSize) < 0) return errno_error(errno, "ftruncate");
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(page.get(), F_ADD_SEALS, kSeals) < 0) return errno_error(errno, "F_ADD_SEALS");
  return page;
}

Result<void> send_frame(int socket, int page) {
  char frame[wire::kHeaderSize];
  wire::encode({.type = wire::FrameType::Tally}, frame);
  iovec part{frame, sizeof frame};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof page)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* brings = CMSG_FIRSTHDR(&message);
  brings->cmsg_level = SOL_SOCKET;
  brings->cmsg_type = SCM_RIGHTS;
  brings->cmsg_len = CMSG_LEN(sizeof page);
  std::memcpy(CMSG_DATA(brings), &page, sizeof page);
  // The buffer of a new socket holds far more.
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof frame)) return {};
  return error(Code::Unavailable, "the first frame can't be sent: {}", std::strerror(errno));
}

}  // namespace

Result<Tally> Tally::send_over(int socket) {
  TRY(UniqueFd page, make_page());
  void* mapped = ::mmap(nullptr, kPageSize, PROT_READ, MAP_SHARED, page.get(), 0);
  if (mapped == MAP_FAILED) return errno_error(errno, "mmap");
  Tally tally(static_cast<std::uint64_t*>(mapped));
  TRY_VOID(send_frame(socket, page.get()));
  return tally;
}

Tally::Tally(Tally&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}

Tally::~Tally() {
  if (page_ != nullptr) ::munmap(page_, kPageSize);
}

std::uint64_t Tally::handled() const {
  return std::atomic_ref(*page_).load(std::memory_order_acquire);
}

}  // namespace bimodal::gateway
