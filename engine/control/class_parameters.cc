#include "control/class_parameters.h"

#include <algorithm>
#include <optional>

namespace bimodal::control {
namespace {

using model::ClassParameter;
using model::ParameterType;

// Older clients fill `type`, newer ones `full_type` as well.
api::ParameterType type_in(const api::ClassParameterSpec& spec) {
  const bool has_full = spec.has_full_type() && spec.full_type().base_type() != api::PARAM_TYPE_UNSPECIFIED;
  return has_full ? spec.full_type().base_type() : spec.type();
}

std::optional<ParameterType> type_of(api::ParameterType type) {
  switch (type) {
    case api::PARAM_TYPE_STRING:
      return ParameterType::Text;
    case api::PARAM_TYPE_INT:
      return ParameterType::Integer;
    case api::PARAM_TYPE_BOOL:
      return ParameterType::Boolean;
    case api::PARAM_TYPE_BYTES:
      return ParameterType::Bytes;
    default:
      return std::nullopt;
  }
}

api::ParameterType type_of(ParameterType type) {
  switch (type) {
    case ParameterType::Text:
      return api::PARAM_TYPE_STRING;
    case ParameterType::Integer:
      return api::PARAM_TYPE_INT;
    case ParameterType::Boolean:
      return api::PARAM_TYPE_BOOL;
    case ParameterType::Bytes:
      return api::PARAM_TYPE_BYTES;
  }
  return api::PARAM_TYPE_UNSPECIFIED;
}

model::ParameterValue default_of(const api::ClassParameterSpec& spec, ParameterType type) {
  switch (type) {
    case ParameterType::Integer:
      return static_cast<std::int64_t>(spec.int_default());
    case ParameterType::Boolean:
      return spec.bool_default();
    case ParameterType::Bytes:
      return spec.bytes_default();
    case ParameterType::Text:
      break;
  }
  return spec.string_default();
}

std::optional<model::ParameterValue> value_in(const api::ClassParameterValue& value, ParameterType type) {
  switch (type) {
    case ParameterType::Text:
      if (value.has_string_value()) return value.string_value();
      break;
    case ParameterType::Integer:
      if (value.has_int_value()) return std::int64_t{value.int_value()};
      break;
    case ParameterType::Boolean:
      if (value.has_bool_value()) return value.bool_value();
      break;
    case ParameterType::Bytes:
      if (value.has_bytes_value()) return value.bytes_value();
      break;
  }
  return std::nullopt;
}

}  // namespace

Result<model::ClassArguments> class_arguments(
    const std::vector<ClassParameter>& parameters, const std::string& serialized) {
  api::ClassParameterSet given;
  if (!given.ParseFromString(serialized)) return error(Code::InvalidArgument, "the class parameters can't be read");
  model::ClassArguments out;
  for (const api::ClassParameterValue& value : given.parameters()) {
    auto named = [&](const ClassParameter& parameter) { return parameter.name == value.name(); };
    auto parameter = std::find_if(parameters.begin(), parameters.end(), named);
    if (parameter == parameters.end()) {
      return error(Code::InvalidArgument, "the class has no parameter '{}'", value.name());
    }
    auto read = value_in(value, parameter->type);
    if (!read) return error(Code::InvalidArgument, "class parameter '{}' is of another type", value.name());
    out[value.name()] = *std::move(read);
  }
  for (const ClassParameter& parameter : parameters) {
    if (out.contains(parameter.name)) continue;
    if (!parameter.default_value)
      return error(Code::InvalidArgument, "class parameter '{}' is missing", parameter.name);
    out[parameter.name] = *parameter.default_value;
  }
  return out;
}

Result<std::vector<ClassParameter>> class_parameters(const api::ClassParameterInfo& info) {
  std::vector<ClassParameter> out;
  for (const api::ClassParameterSpec& spec : info.schema()) {
    const auto type = type_of(type_in(spec));
    if (!type) {
      return error(
          Code::InvalidArgument, "class parameter '{}' is of a type that no URL can carry: use str, int, bool or bytes",
          spec.name());
    }
    out.push_back({spec.name(), *type, std::nullopt});
    if (spec.has_default()) out.back().default_value = default_of(spec, *type);
  }
  return out;
}

std::string serialized_params(const std::vector<ClassParameter>& parameters, const model::ClassArguments& arguments) {
  api::ClassParameterSet out;
  for (const ClassParameter& parameter : parameters) {
    const model::ParameterValue& value = arguments.at(parameter.name);
    auto& entry = *out.add_parameters();
    entry.set_name(parameter.name);
    entry.set_type(type_of(parameter.type));
    if (parameter.type == ParameterType::Integer) {
      entry.set_int_value(std::get<std::int64_t>(value));
    } else if (parameter.type == ParameterType::Boolean) {
      entry.set_bool_value(std::get<bool>(value));
    } else if (parameter.type == ParameterType::Bytes) {
      entry.set_bytes_value(std::get<std::string>(value));
    } else {
      entry.set_string_value(std::get<std::string>(value));
    }
  }
  return out.SerializeAsString();
}

}  // namespace bimodal::control
