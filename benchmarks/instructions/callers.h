// Callers with keep-alive connections to the gateway, on the thread of whoever plays them.
//
// Their connections are Unix sockets: what was sent has arrived when send() returns, in the order of the calls, which
// of TCP's loopback nobody promises.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace bimodal::benchmarks {

class Callers {
 public:
  explicit Callers(std::size_t count);

  std::size_t count() const { return near_.size(); }
  // The gateway's ends, once.
  std::vector<UniqueFd> take_far_ends() { return std::move(far_); }

  void send(std::size_t caller, const std::string& request);
  // Takes the whole answer; ends the program unless it is a 200 with that many bytes behind its head.
  void expect_answer(std::size_t caller, std::size_t body_size);

 private:
  std::vector<UniqueFd> near_;
  std::vector<UniqueFd> far_;
};

}  // namespace bimodal::benchmarks
