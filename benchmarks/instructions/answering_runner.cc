#include "answering_runner.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/check.h"
#include "script.h"

namespace bimodal::benchmarks {
namespace {

constexpr std::string_view kHello = "Hello, world!";

wire::Headers headers_of(std::string_view type, std::string_view length) {
  return {{"content-type", type}, {"content-length", length}};
}

}  // namespace

AnsweringRunner::AnsweringRunner(std::string path)
    : path_(std::move(path)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  CHECK(path_.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  CHECK(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(listener_.get(), 8) == 0);
}

AnsweringRunner::~AnsweringRunner() {
  ::unlink(path_.c_str());
}

void AnsweringRunner::answer() {
  if (!connection_) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    connection_ = std::make_unique<gateway::FakeConnection>(std::move(socket), true);
  }
  read_all();
  connection_->flush();
  CHECK(connection_->out.empty() && !connection_->dead);
}

void AnsweringRunner::read_all() {
  std::string& in = connection_->in;
  for (std::size_t had = in.size(); connection_->receive(), in.size() > had; had = in.size()) {
  }
  std::string_view bytes = in;
  while (bytes.size() >= wire::kHeaderSize) {
    const auto header = wire::decode_frame_header(bytes.data());
    CHECK(header.has_value());
    const std::size_t size = wire::kHeaderSize + header->size;
    if (bytes.size() < size) break;
    connection_->count(size);
    if (header->type == wire::FrameType::Request) {
      answer_request(*header, bytes.substr(wire::kHeaderSize, header->size));
    }
    bytes.remove_prefix(size);
  }
  in.erase(0, in.size() - bytes.size());
}

void AnsweringRunner::answer_request(const wire::FrameHeader& header, std::string_view payload) {
  CHECK((header.flags & wire::kEnd) != 0 && wire::decode(payload.substr(0, header.extra), head_));
  const std::string_view body = payload.substr(header.extra);
  const std::uint32_t stream = header.stream;
  if (head_.raw_path == kSmall) {
    connection_->respond(stream, 200, headers_of("text/plain", "13"), kHello, true);
  } else if (head_.raw_path == kLarge) {
    connection_->respond(stream, 200, headers_of("text/plain", "10240"), std::string(kBodySize, 'b'), true);
  } else if (head_.raw_path == kEcho) {
    CHECK(body.size() == kBodySize);
    connection_->respond(stream, 200, headers_of("application/json", "10240"), body, true);
  } else {
    CHECK(head_.raw_path == kStream);
    answer_in_pieces(stream);
  }
  connection_->done(stream);
}

void AnsweringRunner::answer_in_pieces(std::uint32_t stream) {
  connection_->respond(stream, 200, {{"content-type", "text/plain"}}, "one", false);
  connection_->frame(stream, wire::FrameType::Body, 0, "two");
  connection_->frame(stream, wire::FrameType::Body, 0, "three", wire::kEnd);
}

}  // namespace bimodal::benchmarks
