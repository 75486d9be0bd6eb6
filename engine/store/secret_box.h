// Encrypts the variables of secrets at rest: AES-256-GCM under a key file of mode 0600. Thread-safe; constant once
// opened.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace bimodal::store {

using Variables = std::map<std::string, std::string>;

class SecretBox {
 public:
  // Reads `key_file`, or makes it (and its folder, mode 0700) with a fresh random key.
  static Result<SecretBox> open(const std::filesystem::path& key_file);

  // Layout: 12 bytes nonce, ciphertext, 16 bytes tag. `owner` (the secret's id) is authenticated along, so that a
  // sealed value moved to another row doesn't open. InvalidArgument when a value holds a NUL or a name holds one or
  // '='.
  Result<std::string> seal(const Variables& variables, const std::string& owner) const;
  // DataLoss when it wasn't sealed with this key for this owner.
  Result<Variables> open_sealed(const std::string& sealed, const std::string& owner) const;

  // Equal for equal variables; says nothing about them without the key.
  std::string fingerprint(const Variables& variables) const;

 private:
  using Key = std::array<unsigned char, 32>;
  explicit SecretBox(const Key& key) : key_(key) {}
  Key key_;
};

}  // namespace bimodal::store
