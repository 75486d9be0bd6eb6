// /etc/hosts, /etc/hostname and /etc/resolv.conf of a sandbox: private files, mounted over the image's.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

// Name servers and search lines that a sandbox can use. Servers on a loopback address can't be reached from its
// network namespace and are left out.
struct Resolver {
  std::vector<std::string> servers;      // IPv4 addresses
  std::vector<std::string> loopback;     // what was left out
  std::vector<std::string> other_lines;  // "search …", "options …"
};

// Reads resolv.conf(5) text. Where it names only systemd-resolved's stub, pass the file behind the stub instead.
Resolver parse_resolver(std::string_view text);

// The host's, preferring /run/systemd/resolve/resolv.conf when /etc/resolv.conf names the loopback stub.
Resolver host_resolver();

// Writes the three files into `scratch` and mounts them into `root`. `address` is eth0's.
Result<void> mount_etc_files(
    int scratch, int root, const std::string& hostname, const std::string& address, Network network,
    const Resolver& resolver);

}  // namespace bimodal::sandbox
