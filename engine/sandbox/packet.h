// Whole messages with descriptors over a SOCK_SEQPACKET socket.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::sandbox {

inline constexpr std::size_t kMaxPacket = 16 * 1024;  // bytes; anything larger travels in a memfd
inline constexpr std::size_t kMaxPacketFds = 200;     // below SCM_MAX_FD (253)

struct Packet {
  std::string bytes;
  std::vector<UniqueFd> fds;
};

// Sends one packet. Code::Unavailable when the peer is gone; Code::ResourceExhausted when the socket is
// non-blocking and full.
Result<void> send_packet(int socket, std::string_view bytes, const std::vector<int>& fds);

// The next packet, without waiting; std::nullopt when nothing is there or the peer closed: `ended` tells which.
struct Received {
  std::optional<Packet> packet;
  bool ended = false;
};
Received receive_packet(int socket);

// A sealed memory file with `bytes`, at offset 0.
Result<UniqueFd> memory_file(const char* name, std::string_view bytes, unsigned flags = 0);

// Everything in the file `fd`, from its start. Fails when it holds more than `limit` bytes.
Result<std::string> read_file(int fd, std::size_t limit);

}  // namespace bimodal::sandbox
