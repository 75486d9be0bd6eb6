// Members of what a CA says, which may be missing or of another kind.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace bimodal::acme {

// The text of a member; empty when there is none.
inline std::string text_in(const nlohmann::json& object, const char* member) {
  if (!object.is_object()) return "";
  auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace bimodal::acme
