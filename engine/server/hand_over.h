// How two daemons of one home talk while one takes over from the other (docs/decisions/0023): over a Unix socket
// <home>/hand_over.sock, which only the home's owner may open.
//
//   new → old  hello
//   old → new  hello {pid, generation, api, web, admin, https}
//   new → old  give          the old one writes no state any more, and goes on serving
//   old → new  state {warm, https} + the listening sockets: the API's, the gateway's, the last `https` of them with
//   TLS;
//              the keys of TLS session tickets
//   new → old  ready         the end of the connection before this: the old one takes everything back
//   old → new  go            the home is the new one's; the old one ends what runs in it, and then itself
//   old → new  connection + its socket, any number; log {…}, any number; answer {token}, any number
//
// A message is one packet: a line of JSON, and bytes behind it.
#pragma once

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gateway/gateway.h"
#include "model/model.h"

namespace bimodal::server {

struct HandOverMessage {
  std::string say;
  nlohmann::json head;
  std::string body;
  std::vector<UniqueFd> fds;
};

class HandOverChannel {
 public:
  // Unavailable when the other one is gone or speaks otherwise, DeadlineExceeded.
  // Both ends: `socket` is connected.
  explicit HandOverChannel(UniqueFd socket);

  // Any thread. Blocks for at most 5 s while the other end doesn't read; after a failure nothing more is sent.
  Result<void> send(nlohmann::json head, std::string_view body = {}, const std::vector<int>& fds = {});
  // Blocks.
  Result<HandOverMessage> receive_now(Deadline deadline);
  // One at a time, on one loop.
  Task<Result<HandOverMessage>> receive(Deadline deadline);
  // The same for a message that must be `say`.
  Task<Result<HandOverMessage>> expect(std::string say, Deadline deadline);

 private:
  UniqueFd socket_;
  std::atomic<bool> broken_ = false;
};

// Connects to the daemon of that home; NotFound when none answers.
Result<UniqueFd> connect_to_daemon(const std::filesystem::path& home);
// Takes the place of a socket that another daemon left.
Result<UniqueFd> listen_for_successor(const std::filesystem::path& home);
// Whether the process at the other end is of our user.
bool is_own(int socket);

nlohmann::json saying(std::string_view say);           // the head of a message that says no more
nlohmann::json as_json(const model::LogEntry& entry);  // without the text
model::LogEntry log_entry_of(const HandOverMessage& message);

// Gives callers' connections to it; what fails is logged.
gateway::PassOn passed_to(std::shared_ptr<HandOverChannel> successor);

}  // namespace bimodal::server
