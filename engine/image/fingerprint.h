// Collects fields into one SHA-256; no two different sequences of fields run together. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace bimodal::image {

class Fingerprint {
 public:
  Fingerprint& add(std::string_view field) {
    text_ += std::to_string(field.size());
    text_ += ':';
    text_ += field;
    return *this;
  }
  Fingerprint& add(const std::vector<std::string>& fields) {
    add(std::to_string(fields.size()));
    for (const auto& field : fields) add(field);
    return *this;
  }
  Fingerprint& add(const std::map<std::string, std::string>& fields) {
    add(std::to_string(fields.size()));
    for (const auto& [name, value] : fields) add(name).add(value);
    return *this;
  }

  // 64 lower-case hex digits.
  std::string hex() const { return sha256_hex(text_); }

 private:
  std::string text_;
};

// Part of every key: raise it when the same instruction would now make a different layer.
inline constexpr std::string_view kBuilderVersion = "1";

// The key of the layer that a step (by its own fingerprint) makes on top of `parents`, lowest first.
inline std::string layer_key(const std::vector<std::string>& parents, const std::string& step) {
  return Fingerprint().add("layer").add(kBuilderVersion).add(parents).add(step).hex();
}

}  // namespace bimodal::image
