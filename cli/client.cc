#include "cli/client.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "cli/daemon.h"
#include "cli/process.h"

namespace bimodal::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInstall = "pip install 'modal>=1.5.4,<1.7'";

// The current directory must not be where Python looks first: it may hold a modal.py.
constexpr const char* kAskVersion =
    "import sys; sys.path.pop(0); import importlib.metadata as m; print(m.version('modal'))";

// The Python that a script's first line names; empty when it names none by its path.
fs::path interpreter_of(const fs::path& script) {
  std::ifstream file(script);
  std::string line;
  std::getline(file, line);
  if (!line.starts_with("#!")) return {};
  fs::path word = line.substr(2, line.find(' ', 3) - 2);
  return word.filename().string().starts_with("python") ? word : fs::path();
}

Result<Client> client_of(const fs::path& python) {
  Result<std::string> version = capture({python.string(), "-c", kAskVersion});
  if (!version) {
    return error(
        Code::NotFound, "{} has no official client; install it: {} -m {}", python.string(), python.string(), kInstall);
  }
  fs::path script = python.parent_path() / "modal";
  if (::access(script.c_str(), X_OK) == 0) return Client{{script.string()}, *version};
  return Client{{python.string(), "-m", "modal"}, *version};
}

// `modal` on PATH that isn't a Python script itself, e.g. a version switcher.
Result<Client> client_behind(const fs::path& program) {
  Result<std::string> answer = capture({program.string(), "--version"});
  if (!answer) return error(Code::NotFound, "{} doesn't run; install the client: {}", program.string(), kInstall);
  return Client{{program.string()}, answer->substr(answer->rfind(' ') + 1)};
}

Result<Client> locate(const Settings& settings) {
  if (!settings.python.empty()) return client_of(settings.python);
  std::optional<fs::path> program = find_on_path("modal");
  if (!program) {
    return error(
        Code::NotFound,
        "the official client isn't installed: {}, or name the Python that has it with BIMODAL_PYTHON or --python",
        kInstall);
  }
  fs::path python = interpreter_of(*program);
  return python.empty() ? client_behind(*program) : client_of(python);
}

bool asks_for_help(const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), "--help") != words.end();
}

}  // namespace

const std::map<std::string, std::string>& client_commands() {
  static const std::map<std::string, std::string> commands = {
      {"serve", "Serve an app's web functions; reload them when a file changes"},
      {"deploy", "Deploy an app for good"},
      {"run", "Run a function or local entrypoint"},
      {"app", "List, stop and inspect apps, and read their logs"},
      {"shell", "Open a shell in a container"},
      {"container", "List, stop and enter running containers"},
      {"image", "Manage images"},
      {"function", "Inspect functions"},
      {"server", "Deploy and inspect servers"},
      {"secret", "Manage secrets"},
      {"volume", "Read and edit volumes"},
      {"dict", "Manage dicts"},
      {"queue", "Manage queues"},
      {"environment", "Manage environments"},
      {"workspace", "Show the workspace"},
      {"profile", "Show the profile in use"},
      {"token", "Set the token to use, or show it"},
      {"config", "Show the client's configuration"},
      {"curl", "Send an authenticated request to a web function"},
  };
  return commands;
}

bool is_supported_client(const std::string& version) {
  int major = 0, minor = 0, patch = 0;
  if (std::sscanf(version.c_str(), "%d.%d.%d", &major, &minor, &patch) < 2) return false;
  return major == 1 && (minor == 6 || (minor == 5 && patch >= 4));
}

Result<Client> find_client(const Settings& settings) {
  TRY(Client client, locate(settings));
  if (!is_supported_client(client.version)) {
    return error(
        Code::FailedPrecondition, "the official client {} at {} isn't supported; install 1.5.4 to 1.6: {}",
        client.version, client.command[0], kInstall);
  }
  return client;
}

std::map<std::string, std::string> client_environment(const server::DaemonInfo& info, const server::Token& token) {
  return {
      {"MODAL_SERVER_URL", api_url(info)},
      {"MODAL_TOKEN_ID", token.id},
      {"MODAL_TOKEN_SECRET", token.secret},
      // The daemon is no further than this network: a proxy towards the cloud would only be in the way.
      {"MODAL_DISABLE_API_PROXY", "1"},
  };
}

Error run_client(const Settings& settings, const Flags& flags, std::vector<std::string> words) {
  Result<Client> client = find_client(settings);
  if (!client) return client.error();
  if (!asks_for_help(words)) {
    Result<server::DaemonInfo> info = ensure_daemon(settings, flags);
    if (!info) return info.error();
    Result<server::Token> token = server::load_token(settings.daemon.home);
    if (!token) return token.error();
    for (const auto& [name, value] : client_environment(*info, *token)) ::setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<std::string> command = client->command;
  command.insert(command.end(), words.begin(), words.end());
  return become(std::move(command));
}

}  // namespace bimodal::cli
