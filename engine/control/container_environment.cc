#include "control/container_environment.h"

#include <string_view>

namespace bimodal::control {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kPlace = "local";  // of MODAL_REGION and MODAL_CLOUD_PROVIDER

// The runner takes over at interpreter start, user code follows, the client's package stands in the runtime layer.
constexpr std::string_view kPythonPath = "/__modal/runner:/root:/pkg";

// Read by the interpreter, the C library or the client while they start, not when they are used.
constexpr std::string_view kReadAtStart[] = {"PYTHON", "MODAL_",   "LD_",  "LC_",  "LANG",    "MALLOC_",
                                             "GLIBC_", "OPENSSL_", "SSL_", "HOME", "BIMODAL_"};

}  // namespace

bool secrets_decide_the_start(const std::map<std::string, std::string>& secrets) {
  for (const auto& [name, value] : secrets) {
    for (std::string_view prefix : kReadAtStart) {
      if (name.starts_with(prefix)) return true;
    }
  }
  return false;
}

void set_python_path(std::map<std::string, std::string>& env) {
  std::string& python_path = env["PYTHONPATH"];
  python_path = std::string(kPythonPath) + (python_path.empty() ? "" : ":" + python_path);
}

std::map<std::string, std::string> sandbox_environment(
    const image::Image& image, const std::map<std::string, std::string>& secrets) {
  std::map<std::string, std::string> env = image.config.env;
  for (const auto& [name, value] : secrets) env[name] = value;
  env.try_emplace("PATH", kDefaultPath);
  env.try_emplace("HOME", "/root");
  env["MODAL_REGION"] = kPlace;
  env["MODAL_CLOUD_PROVIDER"] = kPlace;
  return env;
}

std::map<std::string, std::string> container_environment(
    const model::FunctionVersion& version, const image::Image& image,
    const std::map<std::string, std::string>& secrets) {
  std::map<std::string, std::string> env = sandbox_environment(image, secrets);
  env.try_emplace("PYTHONUNBUFFERED", "1");

  set_python_path(env);

  env["MODAL_IS_REMOTE"] = "1";
  env["MODAL_IMAGE_ID"] = version.image_id;
  env["MODAL_ENVIRONMENT"] = version.environment;
  // With a token the container's client would take itself for a user's.
  env.erase("MODAL_TOKEN_ID");
  env.erase("MODAL_TOKEN_SECRET");
  return env;
}

}  // namespace bimodal::control
