// Class parameters in arbitrary query strings: no crash, and every parameter has a value of its type or there is an
// error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/class_arguments.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimodal;
  static const std::vector<model::ClassParameter> parameters = {
      {"name", model::ParameterType::Text, std::string("x")},
      {"size", model::ParameterType::Integer, std::int64_t{7}},
      {"loud", model::ParameterType::Boolean, false},
      {"salt", model::ParameterType::Bytes, std::string()},
  };
  auto arguments = gateway::class_arguments(parameters, std::string_view(reinterpret_cast<const char*>(data), size));
  if (!arguments) return 0;
  if (arguments->size() != parameters.size()) std::abort();
  for (const auto& parameter : parameters) {
    if (arguments->at(parameter.name).index() != parameter.default_value->index()) std::abort();
  }
  return 0;
}
