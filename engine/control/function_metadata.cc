#include "control/function_metadata.h"

#include <algorithm>

namespace bimodal::control {
namespace {

const WebAddress* address_of(const std::vector<WebAddress>& addresses, const std::string& method) {
  for (const WebAddress& address : addresses) {
    if (address.method.method_name == method) return &address;
  }
  return nullptr;
}

api::FunctionHandleMetadata method_metadata(
    const std::string& name, const api::MethodDefinition& method, const FunctionIds& ids, const std::string& app_id,
    const WebAddress* address) {
  api::FunctionHandleMetadata out;
  out.set_function_name(method.function_name());
  out.set_function_type(method.function_type());
  if (address != nullptr) out.set_web_url(address->method.url);
  out.set_is_method(true);
  out.set_use_method_name(name);
  out.set_definition_id(ids.definition_id);
  out.set_app_id(app_id);
  *out.mutable_function_schema() = method.function_schema();
  *out.mutable_supported_input_formats() = method.supported_input_formats();
  *out.mutable_supported_output_formats() = method.supported_output_formats();
  out.set_max_object_size_bytes(kMaxInlineBytes);
  out.set_max_async_object_size_bytes(kMaxInlineBytes);
  return out;
}

// Far below what a protobuf message can hold.
constexpr std::uint64_t kMaxInContainers = 1u << 30;

// Fills the three fields that Function and MethodDefinition share.
template <typename Definition>
void fill_urls(Definition& definition, const WebAddress& address, const std::vector<std::string>& stolen) {
  definition.set_web_url(address.method.url);
  definition.mutable_web_url_info()->set_truncated(address.truncated);
  const bool is_stolen = std::find(stolen.begin(), stolen.end(), address.method.host) != stolen.end();
  definition.mutable_web_url_info()->set_label_stolen(is_stolen);
  const std::string& host = address.method.host;
  for (const auto& domain : address.method.custom_domains) {
    std::string url = address.method.url;
    definition.add_custom_domain_info()->set_url(url.replace(url.find(host), host.size(), domain));
  }
}

}  // namespace

api::FunctionHandleMetadata handle_metadata(
    const api::Function& function, const FunctionIds& ids, const std::string& app_id,
    const std::vector<WebAddress>& addresses) {
  api::FunctionHandleMetadata out;
  out.set_function_name(function.function_name());
  out.set_function_type(function.function_type());
  if (const auto* address = address_of(addresses, "")) out.set_web_url(address->method.url);
  out.set_is_method(function.is_method());
  out.set_definition_id(ids.definition_id);
  out.set_app_id(app_id);
  if (function.has_class_parameter_info()) *out.mutable_class_parameter_info() = function.class_parameter_info();
  if (function.has_function_schema()) *out.mutable_function_schema() = function.function_schema();
  *out.mutable_supported_input_formats() = function.supported_input_formats();
  *out.mutable_supported_output_formats() = function.supported_output_formats();
  out.set_max_object_size_bytes(kMaxInlineBytes);
  out.set_max_async_object_size_bytes(kMaxInlineBytes);
  for (const auto& [name, method] : function.method_definitions()) {
    (*out.mutable_method_handle_metadata())[name] =
        method_metadata(name, method, ids, app_id, address_of(addresses, name));
  }
  return out;
}

void lift_size_limits(api::FunctionHandleMetadata& metadata) {
  metadata.set_max_object_size_bytes(kMaxInContainers);
  metadata.set_max_async_object_size_bytes(kMaxInContainers);
  for (auto& [name, method] : *metadata.mutable_method_handle_metadata()) lift_size_limits(method);
}

api::Function echo(
    api::Function function, const std::vector<WebAddress>& addresses, const std::vector<std::string>& stolen) {
  function.clear_function_serialized();
  function.clear_class_serialized();
  if (const auto* address = address_of(addresses, "")) fill_urls(function, *address, stolen);
  for (auto& [name, method] : *function.mutable_method_definitions()) {
    if (const auto* address = address_of(addresses, name)) fill_urls(method, *address, stolen);
  }
  return function;
}

api::FunctionData echo_data(const api::Function& echoed) {
  api::FunctionData out;
  out.set_module_name(echoed.module_name());
  out.set_function_name(echoed.function_name());
  out.set_implementation_name(echoed.implementation_name());
  out.set_function_type(echoed.function_type());
  out.set_timeout_secs(echoed.timeout_secs());
  out.set_startup_timeout_secs(echoed.startup_timeout_secs());
  out.set_web_url(echoed.web_url());
  if (echoed.has_web_url_info()) *out.mutable_web_url_info() = echoed.web_url_info();
  if (echoed.has_webhook_config()) *out.mutable_webhook_config() = echoed.webhook_config();
  *out.mutable_custom_domain_info() = echoed.custom_domain_info();
  *out.mutable_method_definitions() = echoed.method_definitions();
  out.set_method_definitions_set(echoed.method_definitions_set());
  out.set_is_class(echoed.is_class());
  if (echoed.has_class_parameter_info()) *out.mutable_class_parameter_info() = echoed.class_parameter_info();
  out.set_is_method(echoed.is_method());
  if (echoed.has_autoscaler_settings()) *out.mutable_autoscaler_settings() = echoed.autoscaler_settings();
  if (echoed.has_function_schema()) *out.mutable_function_schema() = echoed.function_schema();
  *out.mutable_experimental_options() = echoed.experimental_options();
  *out.mutable_supported_input_formats() = echoed.supported_input_formats();
  *out.mutable_supported_output_formats() = echoed.supported_output_formats();
  out.set_routing_region(echoed.routing_region());
  *out.add_ranked_functions()->mutable_function() = echoed;
  return out;
}

}  // namespace bimodal::control
