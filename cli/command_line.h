// The command line: tells Bimodal's own commands from the official client's, and runs either.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/settings.h"

namespace bimodal::cli {

// A command of the official client with Bimodal's own flags taken out.
struct PassedOn {
  Flags flags;
  std::vector<std::string> words;  // the client's command first; empty: not a client's command
};

// Bimodal's flags are taken from everywhere, but for commands whose words may be another program's (`run`, `shell`,
// `container`, `curl`): there only in front of the first word that isn't a flag. InvalidArgument: a flag lacks its
// value.
Result<PassedOn> split_client_command(const std::vector<std::string>& words);

// Does what the words (without the program's name) say and gives the exit status: 0 done, 1 failed, 2 wrong usage.
int run(const std::vector<std::string>& words);

}  // namespace bimodal::cli
