// Who calls, and on what terms. Plain values.
#pragma once

#include <string>

#include "async/deadline.h"

namespace bimodal::rpc {

struct Caller {
  enum class Kind {
    Client,     // showed a token of the daemon's
    Container,  // came through the socket of one container: task_id names it
    Anonymous,  // no token; only the RPCs that protocol §1.3 lists, and the command router's
  };
  Kind kind = Kind::Anonymous;
  std::string task_id;          // Container only
  std::string token_id;         // Client only
  std::string address;          // of a client, without its port; for limits and the log
  bool over_edge = false;       // came to the https port, perhaps from another host
  int client_type = 0;          // x-modal-client-type: 1 Python, 3 container, 8 JavaScript, 9 Go
  std::string client_version;   // x-modal-client-version
  std::string bearer;           // Authorization: Bearer …, of the command router's RPCs; not checked
  std::string idempotency_key;  // x-idempotency-key; the same for every attempt of one logical call
};

struct Call {
  std::string rpc;  // "AppCreate"
  Caller caller;
  Deadline deadline = Deadline::never();
};

}  // namespace bimodal::rpc
