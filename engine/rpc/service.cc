#include "rpc/service.h"

#include "base/check.h"
#include "modal_client/api.pb.h"
#include "modal_client/task_command_router.pb.h"

namespace bimodal::rpc {

void Service::add(
    std::string_view name, Kind kind, const Message& request, const google::protobuf::Descriptor& response,
    Method::Run run) {
  const auto* router = modal::task_command_router::TaskExecStartRequest::descriptor()->file();
  const bool is_routers = request.GetDescriptor()->file() == router;
  const auto* client = modal::client::AppCreateRequest::descriptor()->file();
  const auto* service = is_routers ? router->service(0) : client->FindServiceByName("ModalClient");
  const auto* method = service->FindMethodByName(std::string(name));
  CHECK(method != nullptr);
  CHECK(method->input_type() == request.GetDescriptor());
  CHECK(method->output_type() == &response);
  CHECK(method->server_streaming() == (kind == Kind::Stream));
  std::string path = "/" + service->full_name() + "/" + std::string(name);
  bool added = methods_.emplace(path, Method{std::string(name), kind, &request, std::move(run), is_routers}).second;
  CHECK(added);
}

const Method* Service::find(const std::string& path) const {
  auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

}  // namespace bimodal::rpc
