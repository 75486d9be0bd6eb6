// A container's program for tests: no Python, statically linked, so it runs in an empty root filesystem.
//
// It speaks just enough of the runner's protocol: Hello on every connection to its listening descriptor, and the end
// at a Drain frame. The environment variable FAKE_CONTAINER names another behaviour, see main(). It says its task id
// on its API socket.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "sandbox/testing/zygote_orders.h"
#include "wire/frame.h"
#include "wire/zygote.h"

namespace {

using namespace bimodal::wire;

std::string text_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

void print(const std::string& text) {
  (void)!::write(1, text.data(), text.size());
}

void report_on_api_socket() {
  std::string path = text_of("MODAL_SERVER_URL").substr(std::strlen("unix://"));
  std::string outside = text_of("FAKE_CONTAINER_API");  // without a sandbox
  if (!outside.empty()) path = outside;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("connect to the API socket");
    std::exit(4);
  }
  std::string task = text_of("MODAL_TASK_ID") + "\n";
  (void)!::write(socket, task.data(), task.size());
}

void greet(int connection, std::uint32_t version) {
  std::string frame;
  std::string words = text_of("MODAL_TASK_ID");
  if (text_of("FAKE_CONTAINER") == "imported") words += "\n500";  // microseconds ago
  append_frame(frame, {.type = FrameType::Hello, .extra = version}, words);
  (void)!::write(connection, frame.data(), frame.size());
}

enum class Heard { Drain, Ping, End };

// A Ping is answered. What else is sent here has no payload either.
Heard hear(int connection) {
  char bytes[kHeaderSize];
  if (::recv(connection, bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes) return Heard::End;
  const auto header = decode_frame_header(bytes);
  if (header && header->type == FrameType::Drain) return Heard::Drain;
  if (!header || header->type != FrameType::Ping) return Heard::End;
  std::string frame;
  append_frame(frame, {.type = FrameType::Pong, .extra = header->extra});
  (void)!::write(connection, frame.data(), frame.size());
  return Heard::Ping;
}

void serve_until_drained(std::uint32_t version) {
  std::vector<pollfd> waiting{{kListenFd, POLLIN, 0}};
  while (true) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = waiting.size(); i-- > 1;) {
      if (waiting[i].revents == 0) continue;
      const Heard heard = hear(waiting[i].fd);
      if (heard == Heard::Drain) return;
      if (heard == Heard::Ping) continue;
      ::close(waiting[i].fd);
      waiting.erase(waiting.begin() + static_cast<long>(i));
    }
    if (waiting[0].revents == 0) continue;
    int connection = ::accept(kListenFd, nullptr, nullptr);
    if (connection < 0) continue;  // the listener is non-blocking, and another process may have been faster
    greet(connection, version);
    waiting.push_back({connection, POLLIN, 0});
  }
}

void sleep_for_ever() {
  while (true) ::pause();
}

std::string read_exactly(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  if (size > 0 && ::recv(fd, bytes.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) std::exit(5);
  return bytes;
}

// The other side of Zygote: bimodal_runner/zygote.py in a few lines. Returns in each container.
void fork_containers(const std::string& word) {
  (void)!::write(kZygoteFd, word.data(), word.size());
  for (std::vector<int> fds = bimodal::sandbox::next_order(); !fds.empty(); fds = bimodal::sandbox::next_order()) {
    const int pidfd = fork_container({fds[0], fds[1], fds[2], fds[3], fds[4]});
    if (pidfd == kInContainer) return;
    bimodal::sandbox::answer_order(pidfd);
    for (int fd : fds) ::close(fd);
    ::close(pidfd);
  }
  ::_exit(0);
}

// The other side of Standby: bimodal_runner/standby.py in a few lines.
void become(int fd) {
  std::string word = text_of("FAKE_STANDBY") == "unfit" ? "unfit for anything\n" : "ready\n";
  (void)!::write(fd, word.data(), word.size());
  std::string head = read_exactly(fd, 4);
  std::size_t size = 0;
  for (int i = 3; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(head[static_cast<std::size_t>(i)]);
  std::string task = read_exactly(fd, size) + '\0';
  (void)!::chdir(task.c_str());
  for (std::size_t at = std::strlen(task.c_str()) + 1; at < task.size();) {
    std::string variable = task.c_str() + at;
    std::size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
    at += variable.size() + 1;
  }
  (void)!::write(fd, "go\n", 3);
}

void wait_in_reserve() {
  const std::string forks = text_of("BIMODAL_ZYGOTE"), number = text_of("BIMODAL_STANDBY_FD");
  if (number.empty()) return;
  if (forks == "image") fork_containers(text_of("FAKE_STANDBY").empty() ? "ready" : "unfit for forks\n");
  int fd = std::stoi(number);
  become(fd);
  if (forks == "function") {
    fork_containers("ready");
    ::setenv("FAKE_ORIGIN", "forked late", 1);
    become(fd);
  }
  ::close(fd);
}

}  // namespace

int main() {
  wait_in_reserve();
  std::string behaviour = text_of("FAKE_CONTAINER");
  if (!text_of("FAKE_ORIGIN").empty()) print(text_of("FAKE_ORIGIN") + "\n");
  if (behaviour == "exit") return 3;
  if (behaviour == "finish") return 0;
  if (behaviour == "crash") std::raise(SIGSEGV);
  if (behaviour == "hang") sleep_for_ever();
  if (behaviour == "partial") print("half a line");
  if (behaviour == "intruder") {
    int file = ::open("/__modal/api/arguments.bin", O_WRONLY);
    print(file >= 0 ? "arguments.bin is writable\n" : std::string("arguments.bin: ") + std::strerror(errno) + "\n");
    print("uid " + std::to_string(::getuid()) + "\n");
  }
  if (behaviour == "hog") {
    for (int mebibyte = 0; mebibyte < 128; ++mebibyte) {
      auto* block = static_cast<volatile char*>(std::malloc(1 << 20));  // volatile: no compiler drops the writes
      for (int at = 0; at < 1 << 20; at += 4096) block[at] = 1;
    }
  }
  if (behaviour == "flood") {
    for (int i = 0; i < 20000; ++i) print("line " + std::to_string(i) + "\n");
  }
  if (behaviour != "silent") report_on_api_socket();
  if (behaviour == "stubborn") std::signal(SIGINT, SIG_IGN);
  serve_until_drained(behaviour == "newer" ? kVersion + 1 : kVersion);
  if (behaviour == "stubborn") sleep_for_ever();
  print("bye\n");
  return 0;
}
