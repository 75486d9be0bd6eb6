// Parameters of a class (modal.parameter()), and what they are set to in the containers of one of its pools.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace bimodal::model {

enum class ParameterType { Text, Integer, Boolean, Bytes };

using ParameterValue = std::variant<std::string, std::int64_t, bool>;  // of Text and Bytes, of Integer, of Boolean

struct ClassParameter {
  std::string name;
  ParameterType type = ParameterType::Text;
  std::optional<ParameterValue> default_value;  // none: it must be given
};

using ClassArguments = std::map<std::string, ParameterValue>;  // by name, defaults included

}  // namespace bimodal::model
