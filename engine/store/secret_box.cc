#include "store/secret_box.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include "base/check.h"
#include "base/unique_fd.h"

namespace bimodal::store {
namespace {

constexpr int kNonceSize = 12;
constexpr int kTagSize = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* cipher) const { EVP_CIPHER_CTX_free(cipher); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// "NAME=value\0" after another, sorted by name.
std::string joined(const Variables& variables) {
  std::string out;
  for (const auto& [name, value] : variables) {
    out += name + "=" + value;
    out.push_back('\0');
  }
  return out;
}

Variables split(const std::string& text) {
  Variables variables;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\0', begin);
    const std::size_t equals = text.find('=', begin);
    variables[text.substr(begin, equals - begin)] = text.substr(equals + 1, end - equals - 1);
    begin = end + 1;
  }
  return variables;
}

Result<void> check_names(const Variables& variables) {
  for (const auto& [name, value] : variables) {
    if (name.empty() || name.find_first_of(std::string_view("=\n\0", 3)) != name.npos)
      return error(Code::InvalidArgument, "'{}' can't be the name of an environment variable", name);
    if (value.find('\0') != value.npos) {
      return error(Code::InvalidArgument, "The value of {} holds a NUL byte, which no environment variable can", name);
    }
  }
  return {};
}

Result<void> make_key(const std::filesystem::path& file) {
  std::error_code failure;
  std::filesystem::create_directories(file.parent_path(), failure);
  ::chmod(file.parent_path().c_str(), 0700);
  unsigned char key[32];
  CHECK(RAND_bytes(key, sizeof key) == 1);
  // Under its own name only when it is whole, so that a crash leaves no half a key behind.
  const std::string fresh = file.string() + ".new";
  UniqueFd out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) return errno_error(errno, "creating " + fresh);
  if (::write(out.get(), key, sizeof key) != static_cast<ssize_t>(sizeof key) || ::fsync(out.get()) != 0) {
    return errno_error(errno, "writing " + fresh);
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) return errno_error(errno, "renaming " + fresh);
  return {};
}

}  // namespace

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_file) {
  if (!std::filesystem::exists(key_file)) TRY_VOID(make_key(key_file));
  UniqueFd in(::open(key_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return errno_error(errno, "opening " + key_file.string());
  Key key;
  if (::read(in.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size())) {
    return error(Code::DataLoss, "{} isn't a key of 32 bytes; restore it, stored secrets need it", key_file.string());
  }
  return SecretBox(key);
}

Result<std::string> SecretBox::seal(const Variables& variables, const std::string& owner) const {
  TRY_VOID(check_names(variables));
  const std::string plain = joined(variables);
  std::string out(kNonceSize + plain.size() + kTagSize, '\0');
  CHECK(RAND_bytes(bytes_of(out), kNonceSize) == 1);
  Cipher cipher(EVP_CIPHER_CTX_new());
  int written = 0;
  CHECK(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), bytes_of(out)) == 1);
  CHECK(EVP_EncryptUpdate(cipher.get(), nullptr, &written, bytes_of(owner), static_cast<int>(owner.size())) == 1);
  unsigned char* text = bytes_of(out) + kNonceSize;
  CHECK(EVP_EncryptUpdate(cipher.get(), text, &written, bytes_of(plain), static_cast<int>(plain.size())) == 1);
  CHECK(EVP_EncryptFinal_ex(cipher.get(), text + written, &written) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, text + plain.size()) == 1);
  return out;
}

Result<Variables> SecretBox::open_sealed(const std::string& sealed, const std::string& owner) const {
  const auto damaged = [&] {
    return error(
        Code::DataLoss, "Secret {} can't be decrypted: keys/secrets.key isn't the key it was stored with", owner);
  };
  if (sealed.size() < kNonceSize + kTagSize) return damaged();
  const int size = static_cast<int>(sealed.size()) - kNonceSize - kTagSize;
  std::string plain(static_cast<std::size_t>(size), '\0');
  std::string tag = sealed.substr(sealed.size() - kTagSize);
  Cipher cipher(EVP_CIPHER_CTX_new());
  int written = 0;
  CHECK(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), bytes_of(sealed)) == 1);
  CHECK(EVP_DecryptUpdate(cipher.get(), nullptr, &written, bytes_of(owner), static_cast<int>(owner.size())) == 1);
  CHECK(EVP_DecryptUpdate(cipher.get(), bytes_of(plain), &written, bytes_of(sealed) + kNonceSize, size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(cipher.get(), bytes_of(plain) + written, &written) != 1) return damaged();
  return split(plain);
}

std::string SecretBox::fingerprint(const Variables& variables) const {
  const std::string content = "fingerprint\n" + joined(variables);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), bytes_of(content), content.size(), digest, &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace bimodal::store
