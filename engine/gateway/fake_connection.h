// One connection to a FakeRunner: what came, what is to go out, and the frames of an answer.
#pragma once

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/unique_fd.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::gateway {

class FakeConnection {
 public:
  struct Stream {
    std::string path;
    std::string query;
    std::string head;
    std::string body;
    std::uint64_t received = 0;
    std::int64_t credit = wire::kInitialCredit;
    std::uint64_t left = 0;  // of /big
    bool whole = false;
  };

  FakeConnection(UniqueFd socket, bool keeps_tally) : socket(std::move(socket)) {
    frame(0, wire::FrameType::Hello, wire::kVersion, "ta-fake", keeps_tally ? wire::kTallies : 0);
    flush();
  }
  ~FakeConnection() {
    if (tally_ != nullptr) ::munmap(tally_, sizeof *tally_);
  }

  // Takes what has come into `in`; closes when that is the end.
  void receive() {
    char buffer[65536];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t received = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
    dead |= received == 0 || (received < 0 && errno != EAGAIN);
    if (received <= 0) return;
    if (const cmsghdr* brought = CMSG_FIRSTHDR(&message)) map_tally(*brought);
    in.append(buffer, static_cast<std::size_t>(received));
  }

  // That many bytes of frames are dealt with. Before anything is answered to them.
  void count(std::size_t size) {
    handled_ += size;
    if (tally_ != nullptr) std::atomic_ref(*tally_).store(handled_);
  }

  void flush() {
    if (out.empty() || dead) return;
    const ssize_t sent = ::send(socket.get(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) out.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN) dead = true;
  }

  void respond(std::uint32_t number, int status, wire::Headers headers, std::string_view body, bool end) {
    wire::ResponseHead head{.status = static_cast<std::uint16_t>(status), .headers = std::move(headers)};
    std::string& payload = payload_;
    payload.clear();
    CHECK(wire::encode(head, payload));
    const auto head_size = static_cast<std::uint32_t>(payload.size());
    payload.append(body);
    frame(number, wire::FrameType::Response, head_size, payload, end ? wire::kEnd : 0);
  }

  void respond_long(std::uint32_t number, std::string_view body) {
    respond(number, 200, {}, body.substr(0, wire::kMaxInlineBody), body.size() <= wire::kMaxInlineBody);
    for (body.remove_prefix(std::min<std::size_t>(body.size(), wire::kMaxInlineBody)); !body.empty();) {
      const std::string_view piece = body.substr(0, wire::kMaxInlineBody);
      body.remove_prefix(piece.size());
      frame(number, wire::FrameType::Body, 0, piece, body.empty() ? wire::kEnd : 0);
    }
  }

  void frame(
      std::uint32_t number, wire::FrameType type, std::uint32_t extra, std::string_view payload,
      std::uint8_t flags = 0) {
    wire::append_frame(out, {.stream = number, .type = type, .flags = flags, .extra = extra}, payload);
  }

  void done(std::uint32_t number) {
    streams.erase(number);
    frame(number, wire::FrameType::Done, 0, "");
  }

  UniqueFd socket;
  std::string in;
  std::string out;
  std::map<std::uint32_t, Stream> streams;
  bool dead = false;

 private:
  void map_tally(const cmsghdr& brought) {
    UniqueFd page;
    int descriptor;
    std::memcpy(&descriptor, CMSG_DATA(&brought), sizeof descriptor);
    page.reset(descriptor);
    void* mapped = ::mmap(nullptr, sizeof *tally_, PROT_READ | PROT_WRITE, MAP_SHARED, page.get(), 0);
    CHECK(mapped != MAP_FAILED);
    tally_ = static_cast<std::uint64_t*>(mapped);
  }

  std::string payload_;
  std::uint64_t* tally_ = nullptr;
  std::uint64_t handled_ = 0;
};

}  // namespace bimodal::gateway
