#include "rpc/service.h"

#include "base/check.h"
#include "modal_client/api.pb.h"

namespace bimodal::rpc {

void Service::add(
    std::string_view name, Kind kind, const Message& request, const google::protobuf::Descriptor& response,
    Method::Run run) {
  const auto* service = modal::client::AppCreateRequest::descriptor()->file()->FindServiceByName("ModalClient");
  const auto* method = service->FindMethodByName(std::string(name));
  CHECK(method != nullptr);
  CHECK(method->input_type() == request.GetDescriptor());
  CHECK(method->output_type() == &response);
  CHECK(method->server_streaming() == (kind == Kind::Stream));
  std::string path = "/" + service->full_name() + "/" + std::string(name);
  bool added = methods_.emplace(path, Method{std::string(name), kind, &request, std::move(run)}).second;
  CHECK(added);
}

const Method* Service::find(const std::string& path) const {
  auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

}  // namespace bimodal::rpc
