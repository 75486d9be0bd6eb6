// What daemon and launcher say to each other: one packet each. The layout is codec.h's, in the order of the fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

inline constexpr std::size_t kMaxSpecBytes = 8 * 1024 * 1024;  // of an encoded Spec; env and argv make its size

// Daemon -> launcher. `id` is the daemon's number for the sandbox, never used twice.
struct Request {
  enum class Kind : std::uint8_t {
    Start = 1,   // descriptors: the encoded Spec as a memory file, then those of Spec::fds in order
    Signal = 2,  // `number` to the user's process
    Kill = 3,
    Close = 4,    // kill and reap everything, then exit
    Connect = 5,  // to port `number` inside; answered by one Connected, in order, while the sandbox lives
    Reroot = 6,   // a new root for the sandbox; descriptor: the encoded Spec as a memory file
    Remount = 7,  // another state of a volume; descriptor: a Spec with that volume alone. Answered by Rerooted
    Adopt = 9,    // what the zygote `other` forked; descriptors: as for Start the Spec, then Forked's. Answered alike
    Exec = 8,  // descriptors: the encoded ExecSpec as a memory file, a socket for what becomes of it (errand.h), then
               // those of ExecSpec::fds in order
  };
  Kind kind = Kind::Close;
  std::uint64_t id = 0;
  int number = 0;
  std::uint64_t other = 0;
};

// Launcher -> daemon.
struct Reply {
  enum class Kind : std::uint8_t {
    Started = 1,    // `number`: pid, `text`: address
    Failed = 2,     // `number`: Code, `text`: message. The id is over
    Exited = 3,     // `report`. The id is over
    Notice = 4,     // `text`: one line for the daemon's log
    Connected = 5,  // with a socket that is connecting; without one `number`: Code, `text`: message
    Rerooted = 6,   // `number`: Code (0: done), `text`: message
  };
  Kind kind = Kind::Notice;
  std::uint64_t id = 0;
  int number = 0;
  std::string text;
  ExitReport report;
};

std::string encode(const Request& request);
std::string encode(const Reply& reply);
std::string encode(const Spec& spec);  // the descriptors travel beside it
std::string encode(const ExecSpec& spec);

// InvalidArgument when `bytes` hold something else.
Result<Request> decode_request(std::string_view bytes);
Result<Reply> decode_reply(std::string_view bytes);
Result<Spec> decode_spec(std::string_view bytes);  // PassedFd::fd is -1
Result<ExecSpec> decode_exec_spec(std::string_view bytes);

}  // namespace bimodal::sandbox
