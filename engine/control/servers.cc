#include "control/servers.h"

namespace bimodal::control {

Servers::Servers(Context& context, rpc::Service& service) : context_(context) {
  service.mutation("ContainerServerLifecycleReady", this, &Servers::lifecycle_ready);
  service.mutation("TunnelStart", this, &Servers::start_tunnel);
  service.mutation("TunnelStop", this, &Servers::stop_tunnel);
}

Result<std::shared_ptr<runtime::Session>> Servers::server_of(const rpc::Call& call) const {
  auto session = context_.containers->session(call.caller.task_id);
  if (session && session->version().is_server) return session;
  return error(
      Code::Unimplemented, "{}: tunnels (modal.forward) are not supported by this server; use @modal.web_server",
      call.rpc);
}

Task<Result<Servers::Empty>> Servers::lifecycle_ready(rpc::Call call, api::ContainerServerLifecycleReadyRequest) {
  CO_TRY(auto session, server_of(call));
  session->server_entered();
  co_return Empty();
}

// Releases before 1.6 open a tunnel to the server's port instead, once @enter is done. The way there is the gateway.
Task<Result<api::TunnelStartResponse>> Servers::start_tunnel(rpc::Call call, api::TunnelStartRequest request) {
  CO_TRY(auto session, server_of(call));
  const model::WebMethod& method = session->version().web_methods.at(0);
  if (request.port() != method.server_port) {
    co_return error(Code::Unimplemented, "a tunnel to port {}: modal.forward is not supported", request.port());
  }
  session->server_entered();
  api::TunnelStartResponse response;
  response.set_host(method.host);
  response.set_port(context_.settings.web_port);
  co_return response;
}

Task<Result<api::TunnelStopResponse>> Servers::stop_tunnel(rpc::Call call, api::TunnelStopRequest) {
  CO_TRY_VOID(server_of(call));
  api::TunnelStopResponse response;
  response.set_exists(true);
  co_return response;
}

}  // namespace bimodal::control
