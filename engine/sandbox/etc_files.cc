#include "sandbox/etc_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "sandbox/mounts.h"

namespace bimodal::sandbox {

namespace {

std::string file_text(const char* path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Result<void> place_file(int scratch, int root, const char* name, const std::string& text) {
  UniqueFd file(::openat(scratch, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file) return errno_error(errno, std::string("make ") + name);
  if (::fchmod(file.get(), 0644) != 0 || ::write(file.get(), text.data(), text.size()) < 0) {
    return errno_error(errno, std::string("write ") + name);
  }
  std::string path = std::string("/etc/") + name;
  TRY(UniqueFd directory, open_inside(root, "/etc", NodeKind::Directory));
  auto target = open_inside(root, path, NodeKind::File);
  if (!target) {  // a link to nowhere
    if (::unlinkat(directory.get(), name, 0) != 0) return errno_error(errno, "replace " + path);
    target = open_inside(root, path, NodeKind::File);
  }
  if (!target) return tl::unexpected<Error>(target.error());
  TRY(UniqueFd mount, clone_mount(scratch, name));
  return attach_mount(mount.get(), target->get(), path);
}

std::string resolver_text(const Resolver& resolver) {
  std::string text;
  for (const auto& server : resolver.servers) text += "nameserver " + server + "\n";
  for (const auto& line : resolver.other_lines) text += line + "\n";
  return text;
}

}  // namespace

Resolver parse_resolver(std::string_view text) {
  Resolver resolver;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, value;
    words >> keyword >> value;
    if (keyword == "search" || keyword == "options" || keyword == "domain") resolver.other_lines.push_back(line);
    if (keyword != "nameserver" || value.empty()) continue;
    if (value.starts_with("127.") || value == "::1") {
      resolver.loopback.push_back(value);
    } else if (value.find(':') == std::string::npos) {  // sandboxes have no IPv6 route
      resolver.servers.push_back(value);
    }
  }
  return resolver;
}

Resolver host_resolver() {
  Resolver resolver = parse_resolver(file_text("/etc/resolv.conf"));
  if (!resolver.servers.empty() || resolver.loopback.empty()) return resolver;
  Resolver behind_stub = parse_resolver(file_text("/run/systemd/resolve/resolv.conf"));
  return behind_stub.servers.empty() ? resolver : behind_stub;
}

Result<void> mount_etc_files(
    int scratch, int root, const std::string& hostname, const std::string& address, Network network,
    const Resolver& resolver) {
  std::string hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  hosts += fmt::format("{}\t{}\n", address, hostname);
  TRY_VOID(place_file(scratch, root, "hosts", hosts));
  TRY_VOID(place_file(scratch, root, "hostname", hostname + "\n"));
  std::string servers = network == Network::Egress ? resolver_text(resolver) : "";
  return place_file(scratch, root, "resolv.conf", servers);
}

}  // namespace bimodal::sandbox
