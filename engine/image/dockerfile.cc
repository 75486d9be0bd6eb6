#include "image/dockerfile.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "image/recipe_lines.h"
#include "image/words.h"

namespace bimodal::image {
namespace {

using Flags = std::map<std::string, std::string>;

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

// Takes the first blank-separated token off `rest`.
std::string_view take_token(std::string_view& rest) {
  auto end = std::min(rest.find_first_of(" \t"), rest.size());
  auto token = rest.substr(0, end);
  rest = trim(rest.substr(end));
  return token;
}

std::optional<std::vector<std::string>> json_list(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  auto parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_array()) return std::nullopt;
  std::vector<std::string> items;
  for (const auto& item : parsed) {
    if (!item.is_string()) return std::nullopt;
    items.push_back(item.get<std::string>());
  }
  return items;
}

Command command_of(std::string_view rest) {
  if (auto argv = json_list(rest)) return Command{.argv = std::move(*argv), .shell = std::nullopt};
  return Command{.argv = {}, .shell = std::string(rest)};
}

struct HeredocMark {
  std::string name;
  bool strip_tabs = false;
  bool quoted = false;
};

// `<<NAME`, `<<-NAME`, `<<"NAME"`, with a descriptor number before it or not.
std::optional<HeredocMark> heredoc_mark(const std::string& word) {
  std::size_t at = word.find_first_not_of("0123456789");
  if (at == std::string::npos || word.compare(at, 2, "<<") != 0) return std::nullopt;
  std::string_view rest = std::string_view(word).substr(at + 2);
  HeredocMark mark;
  mark.strip_tabs = rest.starts_with('-');
  if (mark.strip_tabs) rest.remove_prefix(1);
  mark.quoted = rest.size() >= 2 && (rest[0] == '"' || rest[0] == '\'') && rest.back() == rest[0];
  if (mark.quoted) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty() || rest.find_first_of("<\"'") != std::string_view::npos) return std::nullopt;
  mark.name = rest;
  return mark;
}

// One logical line and what belongs to it.
class Parser {
 public:
  Parser(RecipeLines& lines, const RecipeLines::Logical& logical) : lines_(lines), logical_(logical) {}

  Result<Instruction> run() {
    std::string_view rest = logical_.text;
    name_ = upper(take_token(rest));
    TRY(auto action, dispatch(rest));
    return Instruction{.line = logical_.number, .text = logical_.text, .action = std::move(action)};
  }

 private:
  using Handler = Result<Action> (Parser::*)(std::string_view);

  Result<Action> dispatch(std::string_view rest) {
    static const std::map<std::string, Handler> handlers = {
        {"FROM", &Parser::from},
        {"RUN", &Parser::run_command},
        {"COPY", &Parser::copy},
        {"ADD", &Parser::copy},
        {"ENV", &Parser::env},
        {"LABEL", &Parser::label},
        {"ARG", &Parser::arg},
        {"WORKDIR", &Parser::workdir},
        {"USER", &Parser::user},
        {"SHELL", &Parser::shell},
        {"CMD", &Parser::cmd},
        {"ENTRYPOINT", &Parser::entrypoint},
        {"EXPOSE", &Parser::ignored},
        {"VOLUME", &Parser::ignored},
        {"STOPSIGNAL", &Parser::ignored},
        {"MAINTAINER", &Parser::ignored},
    };
    auto found = handlers.find(name_);
    if (found == handlers.end()) return refuse("the instruction {} is not supported", name_);
    if (rest.empty()) return refuse("{} needs an argument", name_);
    return (this->*found->second)(rest);
  }

  template <typename... Args>
  tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) const {
    return error(
        Code::InvalidArgument, "line {}: {} (in: {})", logical_.number,
        fmt::format(format, std::forward<Args>(args)...), logical_.text.substr(0, 200));
  }

  // Takes --name and --name=value off `rest`; refuses those not in `known`.
  Result<Flags> take_flags(std::string_view& rest, const std::set<std::string>& known) const {
    Flags flags;
    while (rest.starts_with("--")) {
      auto token = take_token(rest).substr(2);
      auto equals = std::min(token.find('='), token.size());
      std::string flag(token.substr(0, equals));
      if (!known.contains(flag)) return refuse("{} --{} is not supported", name_, flag);
      flags[flag] = equals < token.size() ? token.substr(equals + 1) : "true";
    }
    return flags;
  }

  Result<Action> from(std::string_view rest) {
    TRY(auto flags, take_flags(rest, {"platform"}));
    if (flags.contains("platform") && flags["platform"] != kPlatform && flags["platform"] != kBuildPlatform) {
      return refuse("only --platform={} can be built here", kPlatform);
    }
    From from{.image = std::string(take_token(rest)), .stage = {}};
    if (upper(take_token(rest)) == "AS") from.stage = take_token(rest);
    if (from.image.empty() || !rest.empty()) return refuse("FROM takes `image` or `image AS name`");
    return Action(std::move(from));
  }

  Result<Action> run_command(std::string_view rest) {
    TRY_VOID(take_flags(rest, {}));
    auto words = split_words(rest);
    TRY(auto bodies, heredocs(words));
    if (bodies.empty()) return Action(Run{command_of(rest)});
    if (words.size() > 1) {  // the shell itself reads them
      std::string script = fmt::format("{}\n", rest);
      for (const auto& [mark, body] : bodies) script += body + mark.name + "\n";
      return Action(Run{Command{.argv = {}, .shell = std::move(script)}});
    }
    std::string& body = bodies.front().second;
    if (body.starts_with("#!"))
      return refuse(
          "a heredoc that starts with #! is not supported: name the interpreter "
          "before it, as in RUN python3 <<EOF");
    return Action(Run{Command{.argv = {}, .shell = std::move(body)}});
  }

  Result<std::vector<std::pair<HeredocMark, std::string>>> heredocs(const std::vector<std::string>& words) {
    std::vector<std::pair<HeredocMark, std::string>> bodies;
    for (const auto& word : words) {
      auto mark = heredoc_mark(word);
      if (!mark) continue;
      auto body = lines_.heredoc(mark->name, mark->strip_tabs);
      if (!body) return refuse("the heredoc {} is not closed", mark->name);
      bodies.emplace_back(std::move(*mark), std::move(*body));
    }
    return bodies;
  }

  Result<Action> copy(std::string_view rest) {
    TRY(auto flags, take_flags(rest, {"from", "chown", "chmod", "link"}));
    Copy copy{.is_add = name_ == "ADD", .from = flags["from"], .chown = flags["chown"], .chmod = flags["chmod"]};
    auto listed = json_list(rest);
    auto words = listed ? std::move(*listed) : split_words(rest);
    if (words.size() < 2) return refuse("{} needs a source and a destination", name_);
    copy.destination = std::move(words.back());
    words.pop_back();
    if (listed) {
      copy.sources = std::move(words);
      return Action(std::move(copy));
    }
    TRY(auto bodies, heredocs(words));
    for (auto& [mark, body] : bodies) copy.inline_files.push_back({mark.name, std::move(body), !mark.quoted});
    for (auto& word : words) {
      if (!heredoc_mark(word)) copy.sources.push_back(std::move(word));
    }
    return Action(std::move(copy));
  }

  // `a=b c="d e"`, or the old form `a the rest`.
  Result<RawPairs> pairs(std::string_view rest) const {
    RawPairs pairs;
    auto words = split_words(rest);
    if (words.front().find('=') == std::string::npos) {
      auto name = take_token(rest);
      if (rest.empty()) return refuse("{} needs a value for {}", name_, name);
      pairs.emplace_back(name, rest);
      return pairs;
    }
    for (const auto& word : words) {
      auto equals = word.find('=');
      if (equals == std::string::npos || equals == 0) return refuse("{} takes name=value, not {}", name_, word);
      pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    return pairs;
  }

  Result<Action> env(std::string_view rest) {
    TRY(auto values, pairs(rest));
    return Action(Env{std::move(values)});
  }

  Result<Action> label(std::string_view rest) {
    TRY(auto values, pairs(rest));
    return Action(Label{std::move(values)});
  }

  Result<Action> arg(std::string_view rest) {
    auto words = split_words(rest);
    if (words.size() != 1) return refuse("ARG takes one name or name=value");
    auto equals = words[0].find('=');
    if (equals == std::string::npos) return Action(Arg{.name = words[0], .fallback = std::nullopt});
    if (equals == 0) return refuse("ARG needs a name");
    return Action(Arg{.name = words[0].substr(0, equals), .fallback = words[0].substr(equals + 1)});
  }

  Result<Action> shell(std::string_view rest) {
    auto argv = json_list(rest);
    if (!argv || argv->empty()) return refuse("SHELL takes a JSON list, as in SHELL [\"/bin/bash\", \"-c\"]");
    return Action(Shell{std::move(*argv)});
  }

  Result<Action> workdir(std::string_view rest) { return Action(Workdir{std::string(rest)}); }
  Result<Action> user(std::string_view rest) { return Action(User{std::string(rest)}); }
  Result<Action> cmd(std::string_view rest) { return Action(Cmd{command_of(rest)}); }
  Result<Action> entrypoint(std::string_view rest) { return Action(Entrypoint{command_of(rest)}); }
  Result<Action> ignored(std::string_view) { return Action(Ignored{}); }

#if defined(__aarch64__)
  static constexpr std::string_view kPlatform = "linux/arm64";
#else
  static constexpr std::string_view kPlatform = "linux/amd64";
#endif
  static constexpr std::string_view kBuildPlatform = "$BUILDPLATFORM";

  RecipeLines& lines_;
  const RecipeLines::Logical& logical_;
  std::string name_;
};

// `# escape=...` above the first instruction changes the grammar; every other directive is a comment to us.
Result<void> check_directives(const std::vector<std::string>& lines) {
  static const std::regex escape(R"(^\s*#\s*escape\s*=\s*[^\\].*)", std::regex::icase);
  for (const auto& line : lines) {
    if (!trim(line).starts_with('#')) break;
    if (std::regex_match(line.substr(0, 200), escape)) {
      return error(Code::InvalidArgument, "the directive {} is not supported: use \\ to continue lines", line);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Instruction>> parse_dockerfile(const std::vector<std::string>& lines) {
  std::size_t bytes = 0;
  for (const auto& line : lines) bytes += line.size() + 1;
  if (bytes > kMaxRecipeBytes) {
    return error(Code::InvalidArgument, "the recipe has {} bytes, at most {} are allowed", bytes, kMaxRecipeBytes);
  }
  TRY_VOID(check_directives(lines));
  RecipeLines reader(lines);
  std::vector<Instruction> instructions;
  while (auto logical = reader.next()) {
    if (instructions.size() == kMaxInstructions) {
      return error(Code::InvalidArgument, "the recipe has more than {} instructions", kMaxInstructions);
    }
    TRY(auto instruction, Parser(reader, *logical).run());
    instructions.push_back(std::move(instruction));
  }
  return instructions;
}

}  // namespace bimodal::image
