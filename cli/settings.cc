#include "cli/settings.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "cli/config_file.h"
#include "cli/resources.h"
#include "cli/values.h"

namespace bimodal::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLoops = 256;
constexpr int kMaxContainers = 100'000;
constexpr int kMaxOvercommit = 1000;
constexpr int kMaxWaiting = 1'000'000;
constexpr int kMaxConnections = 10'000'000;
constexpr int kMaxRate = 1'000'000;
constexpr int kMaxLogFiles = 1000;
constexpr int kMaxInputs = 10'000;

using Setter = std::function<Result<void>(Settings&, const std::string& text)>;

struct Setting {
  Key key;
  Setter set;
};

// A setter that parses the text with `parse` and puts the value where `place` points.
template <typename Parse, typename Place>
Setter to(Parse parse, Place place) {
  return [parse, place](Settings& settings, const std::string& text) -> Result<void> {
    TRY(auto value, parse(text));
    place(settings) = std::move(value);
    return {};
  };
}

Result<std::string> any_text(const std::string& text) {
  return text;
}

Result<fs::path> absolute_path(const std::string& text) {
  std::error_code failure;
  fs::path path = fs::absolute(text, failure);
  if (failure) return error(Code::InvalidArgument, "'{}' isn't a path: {}", text, failure.message());
  return path.lexically_normal();
}

Result<std::string> level(const std::string& text) {
  for (const char* known : {"debug", "info", "warning", "error"}) {
    if (text == known) return text;
  }
  return error(Code::InvalidArgument, "'{}' isn't debug, info, warning or error", text);
}

// Empty for "off".
Result<std::string> address_or_off(const std::string& text) {
  if (text == "off") return "";
  return parse_address(text);
}

Result<gateway::PlainHttp> plain_http(const std::string& text) {
  if (text == "redirect") return gateway::PlainHttp::Redirect;
  if (text == "serve") return gateway::PlainHttp::Serve;
  return error(Code::InvalidArgument, "'{}' isn't redirect or serve", text);
}

Result<std::string> lower_case(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// Of a list, parted by commas or blanks.
std::vector<std::string> words_of(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

using Networks = decltype(server::Config{}.gateway.edge.trusted_proxies);

Result<Networks> networks(const std::string& text) {
  return Networks::parse(text);
}

Result<std::chrono::seconds> whole_seconds(const std::string& text) {
  TRY(const auto span, parse_duration(text));
  return std::chrono::duration_cast<std::chrono::seconds>(span);
}

Result<std::uint64_t> file_size(const std::string& text) {
  constexpr std::uint64_t kLeast = 64 << 10;
  TRY(const std::uint64_t size, parse_size(text));
  if (size < kLeast) return error(Code::InvalidArgument, "'{}' is less than 64KiB", text);
  return size;
}

auto count(int lowest, int highest) {
  return [lowest, highest](const std::string& text) { return parse_count(text, lowest, highest); };
}

std::vector<Setting> server_settings() {
  return {
      {{"", "home", "DIR", "Where everything is kept: state, blobs, layers, logs, keys", true},
       to(absolute_path, [](Settings& s) -> auto& { return s.daemon.home; })},
      {{"", "config", "FILE", "Configuration file (default <home>/config.toml, if there is one)", true},
       [](Settings&, const std::string&) -> Result<void> { return {}; }},
      {{"server", "api", "HOST:PORT", "Where the official client connects (default 127.0.0.1:6420); port 0 picks one",
        true},
       to(parse_address, [](Settings& s) -> auto& { return s.daemon.api; })},
      {{"server", "web", "HOST:PORT", "Where web functions answer (default 127.0.0.1:8080); port 0 picks one", true},
       to(parse_address, [](Settings& s) -> auto& { return s.daemon.web; })},
      {{"server", "admin", "HOST:PORT",
        "Where /metrics answers (default 127.0.0.1:6421); port 0 picks one, off: nowhere"},
       to(address_or_off, [](Settings& s) -> auto& { return s.daemon.admin; })},
      {{"server", "https", "HOST:PORT",
        "Where they answer with TLS, once there are certificates (default 127.0.0.1:8443); port 0 picks one", true},
       to(parse_address, [](Settings& s) -> auto& { return s.daemon.tls.address; })},
      {{"server", "base_domain", "DOMAIN", "Domain under which URLs are made (default localhost)", true},
       to(lower_case, [](Settings& s) -> auto& { return s.daemon.base_domain; })},
      {{"server", "layers", "DIR", "Image layers; may be shared by several homes (default <home>/layers)"},
       to(absolute_path, [](Settings& s) -> auto& { return s.daemon.layers; })},
      {{"server", "workspace", "NAME", "First part of every URL (default local)"},
       to(any_text, [](Settings& s) -> auto& { return s.daemon.workspace; })},
      {{"server", "log_level", "LEVEL", "debug, info, warning or error (default info)"},
       to(level, [](Settings& s) -> auto& { return s.daemon.log_level; })},
      {{"server", "log_per_app", "SIZE", "How much text is kept of each app's logs (default 64MiB)"},
       to(parse_size, [](Settings& s) -> auto& { return s.daemon.log_bytes_per_app; })},
      {{"server", "gateway_loops", "N", "Threads that serve web requests (default 0: one per core)"},
       to(count(0, kMaxLoops), [](Settings& s) -> auto& { return s.daemon.gateway_loops; })},
      {{"gpu", "gpu_required", "BOOL", "Refuse gpu= instead of warning; no container has a GPU yet (default false)",
        false, "required"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.gpu_required; })},
      {{"server", "python", "FILE", "Python that has the official client (default: that of `modal` on PATH)"},
       to(absolute_path, [](Settings& s) -> auto& { return s.python; })},
  };
}

// PEM files, several separated by commas: the first key is the first certificate's.
template <typename Place>
Setter to_paths(Place place) {
  return [place](Settings& settings, const std::string& text) -> Result<void> {
    std::vector<tls::CertificatePaths>& files = settings.daemon.tls.files;
    std::istringstream all(text);
    std::size_t count = 0;
    for (std::string one; std::getline(all, one, ','); ++count) {
      if (files.size() == count) files.emplace_back();
      TRY(place(files[count]), absolute_path(one));
    }
    // What an earlier place named besides is overruled.
    for (; count < files.size(); ++count) place(files[count]).clear();
    std::erase(files, tls::CertificatePaths());
    return {};
  };
}

std::vector<Setting> tls_settings() {
  return {
      {{"tls", "tls_cert", "FILES",
        "Certificates with their chains (PEM), separated by commas; read anew when they change", false, "cert"},
       to_paths([](tls::CertificatePaths& paths) -> auto& { return paths.certificate; })},
      {{"tls", "tls_key", "FILES", "Their private keys, in the same order", false, "key"},
       to_paths([](tls::CertificatePaths& paths) -> auto& { return paths.key; })},
      {{"tls", "tls_dev", "BOOL", "Give certificates of a development CA of this home's own (default false)", false,
        "dev"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.tls.own_authority; })},
      {{"edge", "plain", "WHAT",
        "What callers of other hosts get by plain HTTP when there is TLS: redirect or serve (default redirect)"},
       to(plain_http, [](Settings& s) -> auto& { return s.daemon.gateway.plain; })},
      {{"limits", "max_handshakes", "N", "TLS handshakes at once (default 1024)"},
       to(count(1, kMaxConnections), [](Settings& s) -> auto& { return s.daemon.gateway.max_handshakes; })},
      {{"limits", "certificate_timeout", "TIME", "For a certificate that a caller waits for (default 30s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.certificate_timeout; })},
  };
}

Result<void> check_tls(const server::TlsConfig& config) {
  for (const tls::CertificatePaths& each : config.files) {
    if (!each.certificate.empty() && !each.key.empty()) continue;
    return error(Code::InvalidArgument, "--tls-cert and --tls-key must name as many files each");
  }
  return {};
}

std::vector<Setting> edge_settings() {
  return {
      {{"edge", "trusted_proxies", "NETWORKS",
        "Whose X-Forwarded-For and X-Forwarded-Proto are believed, such as 10.0.0.0/8,192.0.2.1 (default: nobody's)"},
       to(networks, [](Settings& s) -> auto& { return s.daemon.gateway.edge.trusted_proxies; })},
      {{"edge", "proxy_protocol", "BOOL",
        "Trusted proxies must begin each connection with a PROXY header of version 2 (default false)"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.gateway.edge.proxy_protocol; })},
      {{"edge", "access_log", "BOOL",
        "Keep a line of JSON for each request in <home>/logs/access.jsonl (default false)"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.access_log; })},
      {{"edge", "access_log_size", "SIZE", "Of such a file, before the next is begun (default 64MiB)"},
       to(file_size, [](Settings& s) -> auto& { return s.daemon.gateway.edge.access_log_bytes; })},
      {{"edge", "access_log_files", "N", "Old ones that are kept (default 4)"},
       to(count(0, kMaxLogFiles), [](Settings& s) -> auto& { return s.daemon.gateway.edge.access_log_files; })},
      {{"edge", "hsts", "TIME",
        "For which browsers are told to come by https alone: Strict-Transport-Security (default 0s: not told)"},
       to(whole_seconds, [](Settings& s) -> auto& { return s.daemon.gateway.edge.hsts; })},
      {{"limits", "max_client_connections", "N", "Connections of each client's address at once (default 0: no limit)"},
       to(count(0, kMaxConnections),
          [](Settings& s) -> auto& { return s.daemon.gateway.edge.max_client_connections; })},
  };
}

std::vector<Setting> limit_settings() {
  return {
      {{"limits", "max_body", "SIZE", "Longest request body (default 4GiB)"},
       to(parse_size, [](Settings& s) -> auto& { return s.daemon.gateway.max_body_bytes; })},
      {{"limits", "max_message", "SIZE", "Longest WebSocket message (default 2MiB)"},
       to(parse_size, [](Settings& s) -> auto& { return s.daemon.gateway.max_message_bytes; })},
      {{"limits", "websocket_ping", "TIME", "Between pings to the caller of a WebSocket (default 30s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.websocket_ping; })},
      {{"limits", "max_head", "SIZE", "Longest request head (default 64KiB)"},
       to(parse_size, [](Settings& s) -> auto& { return s.daemon.gateway.max_head_bytes; })},
      {{"limits", "head_timeout", "TIME", "For a caller to send a whole head (default 30s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.head_timeout; })},
      {{"limits", "idle_timeout", "TIME", "Until an idle connection is closed (default 75s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.idle_timeout; })},
      {{"limits", "first_message_timeout", "TIME", "Until an announced body must have begun (default 5s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.first_message_timeout; })},
      {{"edge", "redirect_after", "TIME", "Until a caller without a response is answered 303 (default 0s: never)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.redirect_after; })},
      {{"edge", "cold_start_header", "BOOL",
        "Tell callers who waited for a start what took how long, in bimodal-cold-start (default false)"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.gateway.cold_start_header; })},
      {{"limits", "max_connections", "N", "Connections at once (default 65536)"},
       to(count(1, kMaxConnections), [](Settings& s) -> auto& { return s.daemon.gateway.max_connections; })},
      {{"limits", "requests_per_second", "N", "Web requests of all functions together (default 200; 0: no limit)"},
       to(count(0, kMaxRate), [](Settings& s) -> auto& { return s.daemon.gateway.requests_per_second; })},
      {{"limits", "function_requests_per_second", "N", "Web requests of each function (default 0: no limit)"},
       to(count(0, kMaxRate), [](Settings& s) -> auto& { return s.daemon.gateway.function_requests_per_second; })},
      {{"limits", "client_requests_per_second", "N", "Web requests of each client's address (default 0: no limit)"},
       to(count(0, kMaxRate), [](Settings& s) -> auto& { return s.daemon.gateway.client_requests_per_second; })},
      {{"limits", "requests_burst", "TIME", "As many requests as in this time may come at once (default 5s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.gateway.requests_burst; })},
      {{"limits", "max_waiting", "N", "Requests per function that may wait for a container (default 2000)"},
       to(count(1, kMaxWaiting), [](Settings& s) -> auto& { return s.daemon.pool.max_waiting; })},
      {{"limits", "max_inputs", "N", "Concurrent requests per container that a function may ask for (default 1000)"},
       to(count(1, kMaxInputs), [](Settings& s) -> auto& { return s.daemon.max_inputs; })},
      {{"limits", "max_sandboxes", "N", "Sandboxes that run at once (default 100)"},
       to(count(1, kMaxContainers), [](Settings& s) -> auto& { return s.daemon.max_sandboxes; })},
      {{"scheduler", "max_parameter_sets", "N",
        "Sets of class parameters and options in use at a time, per function (default 100)"},
       to(count(1, kMaxContainers), [](Settings& s) -> auto& { return s.daemon.pool.max_parameter_sets; })},
      {{"scheduler", "max_containers", "N", "Per function that names no maximum itself (default 100)"},
       to(count(1, kMaxContainers), [](Settings& s) -> auto& { return s.daemon.pool.max_containers; })},
      {{"scheduler", "scaledown_window", "TIME",
        "Until an idle container goes, unless the function says (default 60s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.scaledown_window; })},
      {{"scheduler", "heartbeat_limit", "TIME", "Until a container that gives no sign of life is killed (default 60s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.heartbeat_limit; })},
      {{"scheduler", "stalled_after", "TIME",
        "Until a container whose event loop is blocked gets no more requests (default 10s; 0s: never)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.stalled_after; })},
      {{"scheduler", "host_memory", "SIZE",
        "That containers' requests may add up to (default: nine tenths of the host's)"},
       to(parse_size, [](Settings& s) -> auto& { return s.daemon.host_memory; })},
      {{"scheduler", "cpu_overcommit", "N",
        "CPUs that containers' requests may add up to, for each of the host's (default 8)"},
       to(count(1, kMaxOvercommit), [](Settings& s) -> auto& { return s.daemon.cpu_overcommit; })},
      {{"scheduler", "min_available_memory", "SIZE", "With less on the host, no container starts (default 128MiB)"},
       to(parse_size, [](Settings& s) -> auto& { return s.daemon.min_available_memory; })},
      {{"scheduler", "standby", "N", "Apps' images of which containers are kept in reserve; 0: none (default 16)"},
       to(count(0, kMaxContainers), [](Settings& s) -> auto& { return s.daemon.standby; })},
      {{"scheduler", "standby_ready", "N", "Containers of an image in reserve, where they can be forked (default 2)"},
       to(count(1, kMaxContainers), [](Settings& s) -> auto& { return s.daemon.standby_ready; })},
      {{"scheduler", "standby_idle", "TIME", "How long they are kept after the app's last start (default 10m)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.standby_idle; })},
      {{"scheduler", "exit_grace", "TIME", "For a container's exit handlers (default 30s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.exit_grace; })},
      {{"scheduler", "drain", "TIME", "For running requests when the daemon stops (default 30s)"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.drain; })},
  };
}

Result<std::vector<acme::ChallengeType>> challenges(const std::string& text) {
  std::vector<acme::ChallengeType> found;
  for (const std::string& word : words_of(text)) {
    const auto type = acme::challenge_type(word);
    if (!type) return error(Code::InvalidArgument, "'{}' isn't http-01, tls-alpn-01 or dns-01", word);
    found.push_back(*type);
  }
  return found;
}

Result<std::vector<std::string>> ip_addresses(const std::string& text) {
  std::vector<std::string> found = words_of(text);
  for (const std::string& word : found) {
    in6_addr ignored;
    if (::inet_pton(AF_INET, word.c_str(), &ignored) == 1 || ::inet_pton(AF_INET6, word.c_str(), &ignored) == 1)
      continue;
    return error(Code::InvalidArgument, "'{}' isn't an IP address", word);
  }
  return found;
}

std::vector<Setting> acme_settings() {
  return {
      {{"acme", "acme", "BOOL", "Get certificates by ACME on first use and renew them (default false)", false,
        "enabled"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.acme.enabled; })},
      {{"acme", "acme_agree_terms", "BOOL", "You agree with the terms of the CA (default false)", false, "agree_terms"},
       to(parse_bool, [](Settings& s) -> auto& { return s.daemon.acme.agree_terms; })},
      {{"acme", "acme_directory", "URL", "Of the CA (default Let's Encrypt)", false, "directory"},
       to(any_text, [](Settings& s) -> auto& { return s.daemon.acme.directory; })},
      {{"acme", "acme_email", "ADDRESS", "Where the CA may write to (default none)", false, "email"},
       to(any_text, [](Settings& s) -> auto& { return s.daemon.acme.email; })},
      {{"acme", "acme_ca_file", "FILE", "Certificate by which the CA's own server is known (default: the system's)",
        false, "ca_file"},
       to(absolute_path, [](Settings& s) -> auto& { return s.daemon.acme.ca_file; })},
      {{"acme", "acme_dns_hook", "PROGRAM", "Run as PROGRAM present|cleanup FQDN VALUE for dns-01 and wildcards", false,
        "dns_hook"},
       to(absolute_path, [](Settings& s) -> auto& { return s.daemon.acme.dns_hook; })},
      {{"acme", "acme_challenges", "LIST", "Of http-01, tls-alpn-01, dns-01 (default: all that are possible)", false,
        "challenges"},
       to(challenges, [](Settings& s) -> auto& { return s.daemon.acme.challenges; })},
      {{"acme", "acme_eab_file", "FILE", "Key id and HMAC key of an account made elsewhere, where the CA wants one",
        false, "eab_file"},
       to(absolute_path, [](Settings& s) -> auto& { return s.daemon.acme.eab_file; })},
      {{"acme", "acme_validity", "TIME", "Of certificates, where the CA lets one ask (default 0s: as it likes)", false,
        "validity"},
       to(parse_duration, [](Settings& s) -> auto& { return s.daemon.acme.validity; })},
      {{"edge", "public_address", "LIST",
        "IP addresses that DNS records of custom domains lead to (default: the host's)"},
       to(ip_addresses, [](Settings& s) -> auto& { return s.daemon.public_addresses; })},
  };
}

const std::vector<Setting>& settings_table() {
  static const std::vector<Setting> table = [] {
    std::vector<Setting> all = server_settings();
    for (Setting& setting : tls_settings()) all.push_back(std::move(setting));
    for (Setting& setting : acme_settings()) all.push_back(std::move(setting));
    for (Setting& setting : edge_settings()) all.push_back(std::move(setting));
    for (Setting& setting : limit_settings()) all.push_back(std::move(setting));
    return all;
  }();
  return table;
}

fs::path default_home(const Environment& environment) {
  if (::geteuid() == 0) return "/var/lib/bimodal";
  if (auto data = environment("XDG_DATA_HOME")) return fs::path(*data) / "bimodal";
  return fs::path(environment("HOME").value_or("/tmp")) / ".local" / "share" / "bimodal";
}

Result<void> apply(Settings& settings, const Setting& setting, const std::string& text, const std::string& place) {
  if (text.empty()) return error(Code::InvalidArgument, "{}: {} is empty", place, setting.key.name);
  Result<void> done = setting.set(settings, text);
  if (!done) return error(Code::InvalidArgument, "{}: {}", place, done.error().message);
  return {};
}

Result<void> apply_file(Settings& settings, const fs::path& file) {
  TRY(std::vector<ConfigEntry> entries, read_config_file(file));
  for (const ConfigEntry& entry : entries) {
    auto known = std::find_if(settings_table().begin(), settings_table().end(), [&](const Setting& setting) {
      return !setting.key.section.empty() && setting.key.section == entry.section &&
             (setting.key.in_file.empty() ? setting.key.name : setting.key.in_file) == entry.name;
    });
    std::string place = fmt::format("{}:{}", file.string(), entry.line);
    if (known == settings_table().end()) {
      return error(
          Code::InvalidArgument, "{}: there is no setting {}.{}; `bimodal up --help` lists them", place, entry.section,
          entry.name);
    }
    TRY_VOID(apply(settings, *known, entry.text, place));
  }
  return {};
}

std::optional<std::string> given(const std::string& name, const Flags& flags, const Environment& environment) {
  if (auto flag = flags.find(name); flag != flags.end()) return flag->second;
  return environment(Key{"", name, "", ""}.variable());
}

}  // namespace

std::string Key::flag() const {
  std::string text = "--" + name;
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string Key::variable() const {
  std::string text = "BIMODAL_" + name;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

const std::vector<Key>& keys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> found;
    for (const Setting& setting : settings_table()) found.push_back(setting.key);
    return found;
  }();
  return all;
}

std::optional<std::string> process_environment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Result<Settings> load_settings(const Flags& flags, const Environment& environment) {
  Settings settings;
  settings.daemon.runner_dir = resources().runner_dir;
  settings.daemon.init_path = resources().init_path;
  TRY(settings.daemon.home,
      absolute_path(given("home", flags, environment).value_or(default_home(environment).string())));
  std::optional<std::string> named = given("config", flags, environment);
  fs::path file = named ? fs::absolute(*named) : settings.daemon.home / "config.toml";
  if (named || fs::exists(file)) TRY_VOID(apply_file(settings, file));
  for (const Setting& setting : settings_table()) {
    if (auto text = environment(setting.key.variable())) {
      TRY_VOID(apply(settings, setting, *text, setting.key.variable()));
    }
  }
  for (const Setting& setting : settings_table()) {
    auto flag = flags.find(setting.key.name);
    if (flag != flags.end()) TRY_VOID(apply(settings, setting, flag->second, setting.key.flag()));
  }
  TRY_VOID(check_tls(settings.daemon.tls));
  if (settings.daemon.layers.empty()) settings.daemon.layers = settings.daemon.home / "layers";
  return settings;
}

}  // namespace bimodal::cli
