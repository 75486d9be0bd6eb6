#include "image/host_config.h"

#include <array>
#include <optional>
#include <sstream>

#include "image/files.h"
#include "image/ini_file.h"
#include "image/recipe_lines.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

using Values = std::map<std::string, std::string>;

constexpr std::array kProxyVariables = {"http_proxy", "https_proxy", "no_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"};

constexpr std::array kPlainVariables = {
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_TIMEOUT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "PIP_PREFER_BINARY",
    "PIP_USE_FEATURE",
    "PIP_USE_DEPRECATED",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX_STRATEGY",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_HTTP_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "UV_PYTHON_INSTALL_MIRROR"};

constexpr std::array kCertificateVariables = {"PIP_CERT",       "SSL_CERT_FILE",  "REQUESTS_CA_BUNDLE",
                                              "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS",
                                              "AWS_CA_BUNDLE"};

constexpr std::array kAptSettings = {
    "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Retries", "Acquire::ForceIPv4",
    "Acquire::ForceIPv6"};

constexpr std::uintmax_t kMaxFileBytes = 4 << 20;

class Reader {
 public:
  Reader(const Values& environment, fs::path root) : environment_(environment), root_(std::move(root)) {}

  HostConfig run(std::string_view apt_dump) {
    for (const char* name : kProxyVariables) keep(name);
    for (const char* name : kPlainVariables) keep(name);
    keep_index_credentials();
    for (const char* name : kCertificateVariables) certificate_variable(name);
    pip();
    uv();
    apt(apt_dump);
    // Their caches would end up in the layer.
    config_.env["PIP_NO_CACHE_DIR"] = "1";
    config_.env["UV_NO_CACHE"] = "1";
    return std::move(config_);
  }

 private:
  std::string variable(const std::string& name) const {
    auto found = environment_.find(name);
    return found == environment_.end() ? "" : found->second;
  }

  void keep(const std::string& name) {
    if (auto value = variable(name); !value.empty()) config_.env[name] = value;
  }

  // UV_INDEX_<NAME>_USERNAME and _PASSWORD.
  void keep_index_credentials() {
    for (const auto& [name, value] : environment_) {
      bool credential = name.ends_with("_USERNAME") || name.ends_with("_PASSWORD");
      if (name.starts_with("UV_INDEX_") && credential) config_.env[name] = value;
    }
  }

  fs::path on_host(const std::string& path) const { return root_ / fs::path(path).relative_path(); }

  static std::string inside(const std::string& name) { return std::string(kHostDirectory) + "/" + name; }

  // A certificate bundle of the host, as the path that it has inside; nothing when it can't be read.
  std::optional<std::string> certificate(const std::string& path) {
    auto content = read_file(on_host(path), kMaxFileBytes);
    if (!content) return std::nullopt;
    for (const auto& [name, known] : config_.files) {
      if (known == *content) return inside(name);
    }
    std::string name = "ca-" + std::to_string(config_.files.size()) + ".crt";
    config_.files[name] = std::move(*content);
    return inside(name);
  }

  void certificate_variable(const std::string& name) {
    auto path = variable(name);
    if (path.empty()) return;
    if (auto place = certificate(path)) config_.env[name] = *place;
  }

  // find-links: URLs stay, directories of the host are shown inside, what doesn't exist is dropped.
  std::string find_links(const std::string& value) {
    std::istringstream words(value);
    std::string kept, word;
    while (words >> word) {
      if (word.find("://") == std::string::npos) {
        std::error_code failure;
        auto path = on_host(word);
        if (!fs::is_directory(path, failure)) continue;
        std::string name = "links-" + std::to_string(config_.directories.size());
        config_.directories[name] = path;
        word = inside(name);
      }
      kept += (kept.empty() ? "" : " ") + word;
    }
    return kept;
  }

  std::string user_config(const std::string& below) const {
    auto home = variable("XDG_CONFIG_HOME");
    return (home.empty() ? variable("HOME") + "/.config" : home) + below;
  }

  void pip() {
    IniFile merged;
    auto explicit_file = variable("PIP_CONFIG_FILE");
    if (explicit_file != "/dev/null") {
      for (const auto& path :
           {std::string("/etc/xdg/pip/pip.conf"), std::string("/etc/pip.conf"), variable("HOME") + "/.pip/pip.conf",
            user_config("/pip/pip.conf"), explicit_file}) {
        if (path.empty()) continue;
        if (auto text = read_file(on_host(path), kMaxFileBytes)) merge_ini(merged, *text);
      }
    }
    for (auto& [section, values] : merged) translate(values);
    if (auto value = find_links(variable("PIP_FIND_LINKS")); !value.empty()) config_.env["PIP_FIND_LINKS"] = value;
    config_.files["pip.conf"] = print_ini(merged);
    config_.env["PIP_CONFIG_FILE"] = inside("pip.conf");
    pip_ = std::move(merged["global"]);
  }

  // Of one section of pip.conf: what names places of the host goes or is shown inside.
  void translate(Values& values) {
    for (const char* local :
         {"cache-dir", "target", "prefix", "root", "user", "log", "require-virtualenv", "src", "python", "constraint",
          "client-cert", "break-system-packages"}) {
      values.erase(local);
    }
    if (auto cert = values.find("cert"); cert != values.end()) {
      auto place = certificate(cert->second);
      if (place)
        cert->second = *place;
      else
        values.erase(cert);
    }
    if (auto links = values.find("find-links"); links != values.end()) {
      links->second = find_links(links->second);
      if (links->second.empty()) values.erase(links);
    }
  }

  std::string pip_setting(const std::string& variable_name, const std::string& key) const {
    auto from_env = config_.env.find(variable_name);
    if (from_env != config_.env.end()) return from_env->second;
    auto from_file = pip_.find(key);
    return from_file == pip_.end() ? "" : from_file->second;
  }

  void uv() {
    for (const auto& path : {variable("UV_CONFIG_FILE"), user_config("/uv/uv.toml"), std::string("/etc/uv/uv.toml")}) {
      auto text = path.empty() ? std::nullopt : read_file(on_host(path), kMaxFileBytes);
      if (!text) continue;
      config_.files["uv.toml"] = std::move(*text);
      config_.env["UV_CONFIG_FILE"] = inside("uv.toml");
      break;
    }
    if (auto value = find_links(variable("UV_FIND_LINKS")); !value.empty()) config_.env["UV_FIND_LINKS"] = value;
    bool has_own = config_.files.contains("uv.toml");
    for (const char* name : {"UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"}) {
      has_own = has_own || config_.env.contains(name);
    }
    if (has_own) return;
    borrow("UV_DEFAULT_INDEX", pip_setting("PIP_INDEX_URL", "index-url"));
    borrow("UV_EXTRA_INDEX_URL", pip_setting("PIP_EXTRA_INDEX_URL", "extra-index-url"));
    borrow("UV_INSECURE_HOST", pip_setting("PIP_TRUSTED_HOST", "trusted-host"));
    borrow("UV_FIND_LINKS", pip_setting("PIP_FIND_LINKS", "find-links"));
    if (!config_.env.contains("SSL_CERT_FILE")) borrow("SSL_CERT_FILE", pip_setting("PIP_CERT", "cert"));
  }

  void borrow(const std::string& name, std::string value) {
    for (char& c : value) {
      if (c == '\n') c = ' ';
    }
    if (!value.empty() && !config_.env.contains(name)) config_.env[name] = std::move(value);
  }

  // Lines look like `Acquire::http::Proxy "http://proxy:3142";`.
  void apt(std::string_view dump) {
    // A sandbox without subordinate users has no _apt to drop to.
    std::string out = "APT::Sandbox::User \"root\";\n";
    while (!dump.empty()) {
      auto end = std::min(dump.find('\n'), dump.size());
      std::string line(trim(dump.substr(0, end)));
      dump.remove_prefix(std::min(end + 1, dump.size()));
      auto space = line.find(' ');
      if (space == std::string::npos || !line.starts_with("Acquire::")) continue;
      std::string name = line.substr(0, space);
      if (name.ends_with("::CaInfo")) {
        auto open = line.find('"'), close = line.rfind('"');
        if (open == close) continue;
        auto place = certificate(line.substr(open + 1, close - open - 1));
        if (place) out += name + " \"" + *place + "\";\n";
      } else if (is_wanted(name)) {
        out += line + "\n";
      } else {
        continue;
      }
      config_.apt_options.push_back(std::move(line));
    }
    config_.files["apt.conf"] = std::move(out);
    config_.env["APT_CONFIG"] = inside("apt.conf");
  }

  static bool is_wanted(const std::string& name) {
    for (const char* wanted : kAptSettings) {
      if (name == wanted) return true;
    }
    bool transport = name.starts_with("Acquire::http::") || name.starts_with("Acquire::https::");
    return transport && (name.find("::Proxy") != std::string::npos || name.ends_with("::Timeout"));
  }

  const Values& environment_;
  fs::path root_;
  HostConfig config_;
  Values pip_;  // pip.conf's global section
};

}  // namespace

HostConfig read_host_config(const Values& environment, std::string_view apt_dump, const fs::path& root) {
  return Reader(environment, root).run(apt_dump);
}

Result<void> write_host_files(const HostConfig& config, const fs::path& directory) {
  std::error_code failure;
  fs::create_directories(directory, failure);
  for (const auto& [name, path] : config.directories) {
    if (!failure) fs::create_directory(directory / name, failure);
  }
  if (failure) return error(Code::ResourceExhausted, "can't make {}: {}", directory.string(), failure.message());
  for (const auto& [name, content] : config.files) TRY_VOID(write_file(directory / name, content));
  return {};
}

}  // namespace bimodal::image
