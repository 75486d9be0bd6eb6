// What one container has on the host, below <home>/run/<task>/ (only the daemon may enter):
//
//   web.sock            listening; the container inherits it as wire::kListenFd
//   client.sock         listening in its place, when the container's client serves web requests by its own path
//   upper/              the container's changes to its image
//   volume-<n>-<m>/     its changes to its volumes (volume_mounts.h)
//   standby/            those of its time in reserve (standby.h)
//   api/                bound into the container: api.sock (listening, its server URL) and arguments.bin
//
// Loop-bound. The directory goes when its object goes. A home of any length works: where a path doesn't fit into
// sun_path (108 bytes, unix(7)), web_socket() goes through /proc/self/fd, so it serves this process only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::runtime {

class RunDirectory {
 public:
  static Result<std::unique_ptr<RunDirectory>> make(
      const std::filesystem::path& home, const std::string& task_id, const std::string& arguments);
  // Without sockets and api/: for a container that has nothing to ask of the daemon.
  static Result<std::unique_ptr<RunDirectory>> make_bare(const std::filesystem::path& home, const std::string& task_id);
  ~RunDirectory();

  const std::string& web_socket() const { return web_socket_; }
  // Makes client.sock, and web_socket() its path.
  Result<UniqueFd> listen_for_gateway();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path api() const { return path_ / "api"; }
  std::filesystem::path upper() const { return path_ / "upper"; }
  std::filesystem::path first_upper() const { return path_ / "standby"; }  // before it is known which container this is

  // In place of the earlier ones.
  Result<void> write_arguments(const std::string& arguments);

  UniqueFd web_listener;
  UniqueFd api_listener;

  // Removes everything but the directory's own descriptor, through which a late connect() fails cleanly instead of
  // meeting another container.
  void remove();

 private:
  RunDirectory() = default;
  Result<void> fill(const std::string& arguments);

  std::filesystem::path path_;
  UniqueFd descriptor_;  // marks it as in use
  std::string web_socket_;
};

// Removes what a killed daemon left below <home>/run; directories of daemons that run stay.
void remove_stale_run_directories(const std::filesystem::path& home);

}  // namespace bimodal::runtime
