// What the launcher tells a container's init (PID 1) to do, and what init reports back.
//
// The same program starts an exec: argv[0] is then kExecName, and it becomes the user's program instead of init. What
// it writes to kReportFd is a byte of Code and text, and nothing when that succeeded.
//
// A third start is that of a forked container's init (wire/zygote.h), argv[0] being wire::kAdoptedInit: it has
// kFilterFd and kReportFd only, and the user's process runs already.
//
// Init starts as root of the sandbox's user namespace, inside the finished root, with an empty environment and the
// descriptors below. Standard library only: shared with the static init.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/codec.h"

namespace bimodal::sandbox {

inline constexpr const char* kExecName = "bimodal-exec";
inline constexpr char kTerminalMessage = 'T';  // what an exec's terminal is sent with

inline constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

inline constexpr int kPlanFd = 3;         // a file that holds an encoded InitPlan
inline constexpr int kFilterFd = 4;       // a file that holds the seccomp program: an array of sock_filter
inline constexpr int kReportFd = 5;       // init writes InitReports; the launcher reads them
inline constexpr int kFirstPassedFd = 6;  // InitPlan::numbers[i] arrives as kFirstPassedFd + i

struct InitPlan {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value"
  std::string path;              // directories to look argv[0] up in, as in PATH
  std::string cwd;
  std::string user;                    // as in Spec
  std::uint64_t capabilities = 0;      // mask that the user's process keeps while it is root; 0: none, and no_new_privs
  std::uint64_t zygote = 0;            // 1: no_new_privs in any case, and init stays as long as anything runs
  std::vector<std::uint64_t> numbers;  // descriptor numbers that the user's process expects
  // Of an exec with a terminal: its height and width, 0 without one. The only passed descriptor is then the socket that
  // the terminal's other end is sent on.
  std::uint64_t rows = 0, columns = 0;

  void set_environment(const std::map<std::string, std::string>& variables) {
    for (const auto& [name, value] : variables) env.push_back(name + "=" + value);
    auto own_path = variables.find("PATH");
    path = own_path != variables.end() ? own_path->second : kDefaultPath;
  }

  std::string encode() const {
    Writer out;
    out.texts(argv);
    out.texts(env);
    out.text(path);
    out.text(cwd);
    out.text(user);
    out.number(capabilities);
    out.number(zygote);
    out.number(numbers.size());
    for (auto number : numbers) out.number(number);
    out.number(rows);
    out.number(columns);
    return out.bytes();
  }

  // False when `bytes` are not an encoded plan.
  bool decode(std::string_view bytes) {
    Reader in(bytes);
    argv = in.texts();
    env = in.texts();
    path = in.text();
    cwd = in.text();
    user = in.text();
    capabilities = in.number();
    zygote = in.number();
    for (auto left = in.number(); in.ok() && left > 0; --left) numbers.push_back(in.number());
    rows = in.number();
    columns = in.number();
    return in.ok() && !argv.empty();
  }
};

// One record on kReportFd, written whole: at most PIPE_BUF bytes with its text.
struct InitReport {
  enum class Kind : std::uint8_t {
    Failed = 1,   // the start failed; `value` is a Code, the text behind the record says why
    Started = 2,  // the user's process was exec'ed
    Exited = 3,   // `value` is its status as waitpid(2) gives it
  };
  Kind kind = Kind::Failed;
  std::int32_t value = 0;
  std::uint32_t text_size = 0;
};
inline constexpr std::size_t kMaxReportText = 2048;

}  // namespace bimodal::sandbox
