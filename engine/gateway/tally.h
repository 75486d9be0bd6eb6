// How many bytes of one connection a runner has handled, told through memory that both share, so that it is known when
// the runner is dead and costs neither side a system call. See wire/frame.h. Loop-bound.
//
// The runner is not trusted: it can write anything here, which concerns requests of its own function only. The memory
// can be neither shrunk nor grown, so that reading it never fails.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace bimodal::gateway {

class Tally {
 public:
  // Makes the memory and sends it as the first frame on `socket`, a fresh Unix stream.
  static Result<Tally> send_over(int socket);
  Tally(Tally&& other) noexcept;
  Tally& operator=(Tally&&) = delete;
  ~Tally();

  std::uint64_t handled() const;

 private:
  explicit Tally(std::uint64_t* page) : page_(page) {}

  std::uint64_t* page_;
};

}  // namespace bimodal::gateway
