// A pipe between the daemon and a process inside a container.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::runtime {

struct Pipe {
  UniqueFd read_end, write_end;
};

inline Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace bimodal::runtime
