// Requests for the daemon itself: kInternalPrefix on a host that is no route. Loop-bound.
//
//   GET /_bimodal/health         200 "ok"
//   PUT /_bimodal/blobs/<token>  the body becomes a file; 200 with ETag: "<md5 hex>"
//   GET /_bimodal/blobs/<token>  the file's content
#pragma once

#include <string>

#include "async/scope.h"
#include "gateway/request_id.h"
#include "http/caller.h"
#include "http/reactor.h"

namespace bimodal::gateway {

struct Shared;

class InternalService {
 public:
  InternalService(http::Reactor& reactor, Scope& scope, Shared& shared);

  void handle(http::Caller& client, const http::RequestHead& head, const RequestId& id);

 private:
  void upload(http::Caller& client, const http::RequestHead& head, const RequestId& id, std::string token);
  void download(http::Caller& client, const RequestId& id, std::string token);

  http::Reactor& reactor_;
  Scope& scope_;
  Shared& shared_;
};

}  // namespace bimodal::gateway
