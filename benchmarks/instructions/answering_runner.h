// The other end of the gateway's stream to a container: answers the recorded requests when it is told to, on the thread
// that tells it.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "gateway/fake_connection.h"

namespace bimodal::benchmarks {

class AnsweringRunner {
 public:
  // Listens on the Unix socket `path`.
  explicit AnsweringRunner(std::string path);
  ~AnsweringRunner();

  const std::string& path() const { return path_; }
  // Takes the gateway's connection if there is one to take, and answers all that has come.
  void answer();

 private:
  void read_all();
  void answer_request(const wire::FrameHeader& header, std::string_view payload);
  void answer_in_pieces(std::uint32_t stream);

  std::string path_;
  UniqueFd listener_;
  std::unique_ptr<gateway::FakeConnection> connection_;
  wire::RequestHead head_;
};

}  // namespace bimodal::benchmarks
