// Runs programs of the host (mmdebstrap, apt-config) and waits for them without blocking the loop. Loop-bound.
#pragma once

#include <list>
#include <map>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "image/builder.h"

namespace bimodal::image {

struct HostCommand {
  std::vector<std::string> argv;  // argv[0] is looked up on the daemon's PATH
  std::map<std::string, std::string> env;
};

struct HostExit {
  int status = -1;     // exit status; 128 + signal when a signal ended it
  std::string output;  // its last lines
};

class HostCommands {
 public:
  // In a process group of its own, stdin empty, stdout and stderr to `log`. NotFound when the program isn't there;
  // DeadlineExceeded after killing its group; Cancelled after stop(). The caller must not be cancelled meanwhile.
  Task<Result<HostExit>> run(HostCommand command, BuildLog log, Deadline deadline);

  // Kills what runs; later run() calls fail. Doesn't wait.
  void stop();

 private:
  class Child;
  static Result<Child> spawn(HostCommand& command, int output);
  static Task<void> kill_at(Child& child, Deadline deadline, bool& expired);

  std::list<Child*> running_;
  bool stopped_ = false;
};

}  // namespace bimodal::image
