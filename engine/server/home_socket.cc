#include "server/home_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>

namespace bimodal::server {

namespace {

constexpr int kBacklog = 16;

// The directory is opened and named through /proc, so that a home of any length fits into sun_path (unix(7)).
struct Place {
  UniqueFd directory;
  sockaddr_un address{};
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Result<Place> place_in(const std::filesystem::path& home, const std::string& name) {
  Place place;
  place.directory.reset(::open(home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.directory) return errno_error(errno, home.string());
  place.address.sun_family = AF_UNIX;
  auto end = fmt::format_to_n(
      place.address.sun_path, sizeof place.address.sun_path - 1, "/proc/self/fd/{}/{}", place.directory.get(), name);
  *end.out = '\0';
  return place;
}

Result<UniqueFd> socket_of(int type) {
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error(errno, "socket");
  return socket;
}

}  // namespace

Result<UniqueFd> connect_in(const std::filesystem::path& home, const std::string& name, int type) {
  TRY(const Place place, place_in(home, name));
  TRY(UniqueFd socket, socket_of(type));
  if (::connect(socket.get(), place.generic(), sizeof place.address) == 0) return socket;
  return error(Code::NotFound, "no daemon answers on {}; `bimodal up` starts one", home.string());
}

Result<UniqueFd> listen_in(const std::filesystem::path& home, const std::string& name, int type) {
  TRY(const Place place, place_in(home, name));
  TRY(UniqueFd socket, socket_of(type));
  ::unlinkat(place.directory.get(), name.c_str(), 0);
  if (::fchmod(socket.get(), 0600) != 0) return errno_error(errno, name);
  if (::bind(socket.get(), place.generic(), sizeof place.address) != 0) return errno_error(errno, name);
  if (::listen(socket.get(), kBacklog) != 0) return errno_error(errno, name);
  return socket;
}

}  // namespace bimodal::server
