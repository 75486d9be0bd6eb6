#include "gateway/internal_service.h"

#include "gateway/edge_error.h"
#include "gateway/front.h"

namespace bimodal::gateway {

InternalService::InternalService(http::Reactor& reactor, Scope& scope, Shared& shared)
    : reactor_(reactor), scope_(scope), shared_(shared) {}

void InternalService::handle(http::ServerConnection& client, const http::RequestHead& head, const RequestId& id) {
  if (head.path == "/_bimodal/health") {
    const http::Field fields[] = {{"content-type", "text/plain"}, {kRequestIdHeader, text_of(id)}};
    return client.reply(200, fields, "ok");
  }
  reply_error(client, id, unknown_host());
}

}  // namespace bimodal::gateway
