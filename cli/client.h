// The official `modal` client: which commands are its, where it is, and how it is run against our daemon.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/settings.h"
#include "server/state_files.h"

namespace bimodal::cli {

// The client's commands that `bimodal` passes on, with what each does, for the help.
const std::map<std::string, std::string>& client_commands();

// "1.5.4" up to the last 1.6: releases whose protocol is served.
bool is_supported_client(const std::string& version);

struct Client {
  std::vector<std::string> command;  // how to run it, e.g. {"/venv/bin/modal"}
  std::string version;
};

// NotFound when it isn't installed, FailedPrecondition when its release isn't supported; both with the remedy.
// Runs the client's Python once to ask for the version.
Result<Client> find_client(const Settings& settings);

// The variables that lead the client to a daemon.
std::map<std::string, std::string> client_environment(const server::DaemonInfo& info, const server::Token& token);

// Makes sure that a daemon answers, then becomes the client: its exit status, colours and Ctrl-C are the user's.
// Comes back only with what failed before that. `words` begin with the client's command.
Error run_client(const Settings& settings, const Flags& flags, std::vector<std::string> words);

}  // namespace bimodal::cli
