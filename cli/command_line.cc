#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <set>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/token.h"
#include "cli/values.h"
#include "server/state_files.h"

namespace bimodal::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kDefaultPatience = 120;

const Key* key_of(const std::string& flag) {
  for (const Key& key : keys()) {
    if (key.flag() == flag) return &key;
  }
  return nullptr;
}

// Takes a flag of ours, "--api X" or "--api=X", at words[at] into `flags`. How many words it was; 0: not ours.
Result<std::size_t> take_flag(const std::vector<std::string>& words, std::size_t at, Flags& flags) {
  std::size_t equals = words[at].find('=');
  const Key* key = key_of(words[at].substr(0, equals));
  if (key == nullptr) return 0;
  if (equals != std::string::npos) {
    flags[key->name] = words[at].substr(equals + 1);
    return 1;
  }
  if (key->may_stand_alone()) {
    const bool has_value = at + 1 < words.size() && parse_bool(words[at + 1]).has_value();
    flags[key->name] = has_value ? words[at + 1] : "true";
    return has_value ? 2 : 1;
  }
  if (at + 1 == words.size()) return error(Code::InvalidArgument, "{} needs a value: {}", words[at], key->argument);
  flags[key->name] = words[at + 1];
  return 2;
}

bool takes_foreign_words(const std::string& command) {
  static const std::set<std::string> commands = {"run", "shell", "container", "curl"};
  return commands.contains(command);
}

int fail(const Error& why) {
  std::cerr << "bimodal: " << why.message << std::endl;
  return why.code == Code::InvalidArgument ? kWrongUsage : kFailed;
}

enum class Shown { None, Common, All };

void add_settings(CLI::App& command, Flags& flags, Shown shown) {
  for (const Key& key : keys()) {
    const std::string alone = key.may_stand_alone() ? "true" : "";
    auto keep = [&flags, name = key.name, alone](const std::string& text) {
      flags[name] = text.empty() ? alone : text;
    };
    std::string help = fmt::format("{} [{}]", key.help, key.variable());
    bool visible = shown == Shown::All || (shown == Shown::Common && key.common);
    CLI::Option* option = command.add_option_function<std::string>(key.flag(), keep, help);
    if (key.may_stand_alone()) option->expected(0, 1);
    option->type_name(key.argument)->group(visible ? "Settings" : "");
  }
}

std::string footer() {
  std::string text = "Commands of the official client, run against the local daemon (started when there is none):\n";
  for (const auto& [name, help] : client_commands()) text += fmt::format("  {:<12}  {}\n", name, help);
  text +=
      "\nSettings come from <home>/config.toml (sections [server], [limits], [scheduler]), then from the environment,\n"
      "then from flags; `bimodal up --help` lists them all. Examples:\n"
      "  bimodal deploy app.py\n"
      "  bimodal serve app.py --web 127.0.0.1:9000\n"
      "  eval $(bimodal env) && modal deploy app.py\n";
  return text;
}

// Bimodal's own commands, and what the command line said to them.
struct OwnCommands {
  CLI::App app{"Run Modal apps on machines you own.", "bimodal"};
  Flags flags;
  bool foreground = false, replace = false, json = false, follow = false;
  int patience = kDefaultPatience;
  std::string log_app;
  CLI::App *token = nullptr, *domain = nullptr;
  std::string domain_name, resolver;
  std::string token_name, token_lifetime = "0", token_id;

  OwnCommands() {
    app.require_subcommand(1, 1);
    add_settings(app, flags, Shown::None);
    app.set_version_flag("--version", "bimodal " + std::string(server::version()));
    app.set_help_all_flag("");
    app.footer(footer());
    CLI::App* up = add("up", "Start the daemon; returns when it is ready and prints its addresses");
    up->add_flag("--foreground", foreground, "Stay in the foreground and log to this terminal; Ctrl-C stops");
    up->add_flag(
        "--replace", replace,
        "Take over from the daemon that runs, without a refused or failed request; start if none does");
    CLI::App* down = add("down", "Let running requests finish, stop the daemon, and wait for its end");
    down->add_option("--timeout", patience, "Seconds to wait")->capture_default_str()->check(CLI::NonNegativeNumber);
    CLI::App* status = add("status", "Show the daemon, its addresses, apps and containers; exit status 1: none runs");
    status->add_flag("--json", json, "As JSON");
    add("doctor", "Say what this host can do, with a remedy for what is missing");
    add("env", "Print the variables that lead a plain `modal` here, for eval $(bimodal env)");
    CLI::App* logs = add("logs", "Show an app's logs, or the daemon's own");
    logs->add_option("app", log_app, "Name or id of an app");
    logs->add_flag("-f,--follow", follow, "Go on showing new lines");
    add_token_commands();
    add_domain_commands();
  }

  void add_domain_commands() {
    domain = add("domain", "Show the names at which apps answer, and which DNS record one lacks");
    domain->require_subcommand(1, 1);
    CLI::App* listed = domain->add_subcommand("list", "List names with their certificates");
    listed->add_flag("--json", json, "As JSON");
    CLI::App* checked = domain->add_subcommand("check", "Say what a name lacks; exit status 1: something");
    checked->add_option("name", domain_name, "api.example.com, *.example.com")->required();
    checked->add_option(
        "--resolver", resolver, "IPv4 address and port of the DNS server to ask (default the system's)");
    for (CLI::App* command : {listed, checked}) add_settings(*command, flags, Shown::None);
  }

  Result<int> run_domain(const Settings& settings) {
    if (domain->get_subcommands().front()->get_name() == "check") return check_domain(settings, domain_name, resolver);
    return list_domains(settings, json ? StatusFormat::Json : StatusFormat::Text);
  }

  void add_token_commands() {
    token = add("token", "Make, list and revoke tokens for clients of the API; `info` and `set` are the client's");
    token->require_subcommand(1, 1);
    CLI::App* made = token->add_subcommand("new", "Make a token; prints its secret, once");
    made->add_option("--name", token_name, "What it is for");
    made->add_option("--expires", token_lifetime, "Its life, such as 12h or 30d; 0: it doesn't expire");
    made->add_flag("--json", json, "As JSON");
    token->add_subcommand("list", "List tokens")->add_flag("--json", json, "As JSON");
    CLI::App* revoke = token->add_subcommand("revoke", "Revoke a token, at once");
    revoke->add_option("id", token_id, "ak-…")->required();
    for (CLI::App* command : {made, revoke, token->get_subcommand("list")}) add_settings(*command, flags, Shown::None);
  }

  Result<int> run_token(const Settings& settings) {
    const auto format = json ? TokenFormat::Json : TokenFormat::Text;
    const std::string name = token->get_subcommands().front()->get_name();
    if (name == "list") return list_tokens(settings, format);
    if (name == "revoke") return revoke_token(settings, token_id);
    auto lifetime = parse_duration(token_lifetime);
    if (!lifetime) return error(Code::InvalidArgument, "--expires: {}", lifetime.error().message);
    return new_token(settings, token_name, *lifetime, format);
  }

  CLI::App* add(const std::string& name, const std::string& help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->footer("");
    add_settings(*command, flags, name == "up" ? Shown::All : Shown::Common);
    return command;
  }

  bool knows(const std::string& name) const {
    auto matches = [&](const CLI::App* command) { return command->get_name() == name; };
    auto all = app.get_subcommands([](const CLI::App*) { return true; });
    return std::any_of(all.begin(), all.end(), matches);
  }

  Result<int> run() {
    TRY(Settings settings, load_settings(flags, process_environment));
    std::string name = app.get_subcommands().front()->get_name();
    if (name == "up") {
      const auto over = replace ? OverRunning::Replace : OverRunning::Refuse;
      return up(settings, flags, foreground ? UpMode::Foreground : UpMode::Background, over);
    }
    if (name == "down") return down(settings, std::chrono::seconds(patience));
    if (name == "status") return status(settings, json ? StatusFormat::Json : StatusFormat::Text);
    if (name == "doctor") return doctor(settings);
    if (name == "env") return env(settings);
    if (name == "token") return run_token(settings);
    if (name == "domain") return run_domain(settings);
    std::optional<std::string> log_source;
    if (!log_app.empty()) log_source = log_app;
    return logs(settings, flags, log_source, follow ? Follow::Yes : Follow::No);
  }
};

// The first word that is neither a flag of ours nor its value; empty when there is none.
std::string command_of(const std::vector<std::string>& words) {
  Flags ignored;
  for (std::size_t at = 0; at < words.size();) {
    std::size_t taken = take_flag(words, at, ignored).value_or(0);
    if (taken == 0) return words[at];
    at += taken;
  }
  return "";
}

int run_own(const std::vector<std::string>& words) {
  OwnCommands commands;
  std::string name = command_of(words);
  if (name.empty()) {
    std::cerr << commands.app.help();
    return kWrongUsage;
  }
  if (!name.starts_with('-') && !commands.knows(name)) {
    return fail({Code::InvalidArgument, "there is no command '" + name + "'; `bimodal --help` lists them"});
  }
  try {
    commands.app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& why) {
    return commands.app.exit(why) == 0 ? 0 : kWrongUsage;
  }
  Result<int> status = commands.run();
  return status ? *status : fail(status.error());
}

}  // namespace

Result<PassedOn> split_client_command(const std::vector<std::string>& words) {
  PassedOn found;
  bool ours_may_follow = true;
  for (std::size_t at = 0; at < words.size();) {
    std::size_t taken = 0;
    if (ours_may_follow) {
      TRY(taken, take_flag(words, at, found.flags));
    }
    if (taken == 0) {
      if (found.words.empty() && !client_commands().contains(words[at])) return PassedOn{};
      if (found.words == std::vector<std::string>{"token"} && is_token_command(words[at])) return PassedOn{};
      bool is_command = found.words.empty();
      found.words.push_back(words[at]);
      bool is_flag = words[at].starts_with('-') && words[at] != "--";
      if (!is_command && !is_flag && takes_foreign_words(found.words[0])) ours_may_follow = false;
      if (words[at] == "--") ours_may_follow = false;
      taken = 1;
    }
    at += taken;
  }
  return found;
}

int run(const std::vector<std::string>& words) {
  Result<PassedOn> passed_on = split_client_command(words);
  if (!passed_on) return fail(passed_on.error());
  if (passed_on->words.empty()) return run_own(words);
  Result<Settings> settings = load_settings(passed_on->flags, process_environment);
  if (!settings) return fail(settings.error());
  return fail(run_client(*settings, passed_on->flags, std::move(passed_on->words)));
}

}  // namespace bimodal::cli
