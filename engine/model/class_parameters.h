// Parameters of a class (modal.parameter()), and what tells the pools of one function or class apart.
#pragma once

#include <compare>
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

// What makes an instance of a function or class another one than what was deployed. Equal ones share a pool.
struct Variant {
  ClassArguments arguments;  // of a class with parameters
  std::string constructor;   // of a class with a constructor of its own: its arguments as the client serialized them
  std::string options;       // what with_options() and the like set: modal.client.FunctionOptions, serialized

  bool is_none() const { return arguments.empty() && constructor.empty() && options.empty(); }
  auto operator<=>(const Variant&) const = default;
};

}  // namespace bimodal::model
