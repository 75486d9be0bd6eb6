// What a command runs with: defaults < configuration file < environment < flags.
//
// Every setting has one name in all three places: `base_domain` in its section of the file, BIMODAL_BASE_DOMAIN,
// --base-domain (`required` of section `gpu` is BIMODAL_GPU_REQUIRED). Not thread-safe: for start-up.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/config.h"

namespace bimodal::cli {

struct Settings {
  server::Config daemon;
  std::filesystem::path python;  // runs the official client; empty: look for `modal` on PATH
};

// One setting, as the help shows it.
struct Key {
  std::string section;   // of the file; empty: not settable there
  std::string name;      // "base_domain"
  std::string argument;  // "HOST:PORT"
  std::string help;
  bool common = false;       // shown in the help of every command, not only of `up`
  std::string in_file = "";  // its name in its section of the file, where that isn't `name`

  bool may_stand_alone() const { return argument == "BOOL"; }  // --tls-dev for --tls-dev true
  std::string flag() const;                                    // "--base-domain"
  std::string variable() const;                                // "BIMODAL_BASE_DOMAIN"
};
const std::vector<Key>& keys();

using Flags = std::map<std::string, std::string>;  // key name -> text
using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

// The process's own environment; an empty variable counts as unset.
std::optional<std::string> process_environment(const std::string& variable);

// Fails with InvalidArgument that names the place (file and line, variable or flag), the key and what would be right.
// An unknown key of the file is refused. Paths come out absolute.
Result<Settings> load_settings(const Flags& flags, const Environment& environment);

}  // namespace bimodal::cli
