#include "callers.h"

#include <sys/socket.h>

#include "base/check.h"

namespace bimodal::benchmarks {

Callers::Callers(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    near_.emplace_back(ends[0]);
    far_.emplace_back(ends[1]);
  }
}

void Callers::send(std::size_t caller, const std::string& request) {
  const ssize_t sent = ::send(near_[caller].get(), request.data(), request.size(), MSG_NOSIGNAL);
  CHECK(sent == static_cast<ssize_t>(request.size()));
}

void Callers::expect_answer(std::size_t caller, std::size_t body_size) {
  std::string answer;
  std::size_t end = 0;  // of the head
  while (end == 0 || answer.size() < end + body_size) {
    char buffer[16 * 1024];
    const ssize_t received = ::recv(near_[caller].get(), buffer, sizeof buffer, 0);
    CHECK(received > 0);
    answer.append(buffer, static_cast<std::size_t>(received));
    const std::size_t found = answer.find("\r\n\r\n");
    if (found != std::string::npos) end = found + 4;
  }
  CHECK(answer.starts_with("HTTP/1.1 200 ") && answer.size() == end + body_size);
}

}  // namespace bimodal::benchmarks
