#include "image/plan.h"

#include <algorithm>
#include <set>

#include "image/copy_sources.h"
#include "image/fingerprint.h"
#include "image/layer_view.h"
#include "image/words.h"

namespace bimodal::image {
namespace {

using Values = std::map<std::string, std::string>;

constexpr std::string_view kUvImage = "ghcr.io/astral-sh/uv:";

tl::unexpected<Error> at(const Instruction& instruction, Error failure) {
  return tl::unexpected<Error>(Error{
      failure.code,
      fmt::format("line {}: {} (in: {})", instruction.line, failure.message, instruction.text.substr(0, 200))});
}

template <typename... Args>
tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) {
  return error(Code::InvalidArgument, format, std::forward<Args>(args)...);
}

// An ARG's value: the caller's, else its own default.
Result<std::optional<std::string>> value_of(const Arg& arg, const Values& build_args, const Variables& variables) {
  if (auto given = build_args.find(arg.name); given != build_args.end()) return std::optional(given->second);
  if (!arg.fallback) return std::optional<std::string>();
  TRY(auto value, expand_word(*arg.fallback, variables));
  return std::optional(std::move(value));
}

Variables variables_in(const Values& values) {
  return [&values](const std::string& name) -> std::optional<std::string> {
    auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

// The ARGs above FROM, and where FROM stands.
struct Head {
  Values args;
  std::size_t from = 0;
};

Result<Head> head_of(const std::vector<Instruction>& instructions, const Values& build_args) {
  Head head;
  for (; head.from < instructions.size(); ++head.from) {
    const auto& instruction = instructions[head.from];
    if (std::holds_alternative<From>(instruction.action)) return head;
    const auto* arg = std::get_if<Arg>(&instruction.action);
    if (!arg) return at(instruction, Error{Code::InvalidArgument, "only ARG may stand before FROM"});
    auto value = value_of(*arg, build_args, variables_in(head.args));
    if (!value) return at(instruction, value.error());
    if (*value) head.args[arg->name] = **value;
  }
  return refuse("the recipe has no FROM instruction");
}

// Walks the instructions below FROM and keeps what they change.
class Planner {
 public:
  Planner(
      const Values& head_args, const ImageConfig& base, const Values& build_args, const Context& context,
      const std::vector<std::string>& secret_names)
      : head_args_(head_args), build_args_(build_args), context_(context), secret_names_(secret_names) {
    plan_.config = base;
  }

  Result<void> apply(const Instruction& instruction) {
    current_ = &instruction;
    auto done = std::visit([this](const auto& action) { return this->on(action); }, instruction.action);
    if (!done) return at(instruction, done.error());
    return {};
  }

  Plan finish() && {
    for (const auto& [name, value] : build_args_) {
      if (!declared_.contains(name) && !head_args_.contains(name)) plan_.unused_args.push_back(name);
    }
    return std::move(plan_);
  }

 private:
  Result<void> on(const From&) {
    return refuse("a recipe with several FROM stages is not supported: build the first stage as an image of its own");
  }

  Result<void> on(const Run& run) {
    RunStep step{.argv = argv_of(run.command), .env = environment(), .cwd = workdir(), .user = plan_.config.user};
    if (step.argv.empty()) return refuse("RUN needs a command");
    auto fingerprint =
        Fingerprint().add("RUN").add(step.argv).add(step.env).add(step.cwd).add(step.user).add(secret_names_).hex();
    add_step(std::move(step), std::move(fingerprint));
    return {};
  }

  Result<void> on(const Copy& copy) {
    CopyStep step{.is_add = copy.is_add};
    TRY(auto destination, expand(copy.destination));
    step.destination = normalize_path(destination, workdir());
    step.into_directory = destination.ends_with('/') || destination.ends_with("/.") || destination == ".";
    TRY(step.chown, expand(copy.chown));
    TRY(step.chmod, mode_of(copy.chmod));
    TRY_VOID(copy.from.empty() ? context_sources(copy, step) : uv_sources(copy, step));
    bool many = copy.sources.size() + copy.inline_files.size() > 1;
    if (many && !step.into_directory) return refuse("with more than one source the destination must end with a slash");
    step.into_directory = step.into_directory || step.sources.size() > 1;
    auto fingerprint = fingerprint_of(step);
    add_step(std::move(step), std::move(fingerprint));
    return {};
  }

  Result<void> on(const Env& env) {
    Values changed;
    for (const auto& [name, raw] : env.values) {
      TRY(changed[name], expand(raw));
    }
    for (auto& [name, value] : changed) plan_.config.env[name] = std::move(value);
    return {};
  }

  Result<void> on(const Label& label) {
    for (const auto& [raw_name, raw] : label.values) {
      TRY(auto name, expand(raw_name));
      TRY(plan_.config.labels[name], expand(raw));
    }
    return {};
  }

  Result<void> on(const Arg& arg) {
    declared_.insert(arg.name);
    TRY(auto value, value_of(arg, build_args_, variables()));
    if (!value && !arg.fallback) value = variables_in(head_args_)(arg.name);
    if (value) args_[arg.name] = *value;
    return {};
  }

  Result<void> on(const Workdir& instruction) {
    TRY(auto path, expand(instruction.path));
    plan_.config.workdir = normalize_path(path, workdir());
    auto fingerprint = Fingerprint().add("WORKDIR").add(plan_.config.workdir).hex();
    add_step(DirectoryStep{plan_.config.workdir}, std::move(fingerprint));
    return {};
  }

  Result<void> on(const User& user) {
    TRY(plan_.config.user, expand(user.name));
    return {};
  }

  Result<void> on(const Shell& shell) {
    plan_.config.shell = shell.argv;
    return {};
  }

  Result<void> on(const Cmd& cmd) {
    plan_.config.cmd = argv_of(cmd.command);
    has_cmd_ = true;
    return {};
  }

  Result<void> on(const Entrypoint& entrypoint) {
    plan_.config.entrypoint = argv_of(entrypoint.command);
    if (!has_cmd_) plan_.config.cmd.clear();  // a CMD of the base was meant for the base's entry point
    return {};
  }

  Result<void> on(const Ignored&) { return {}; }

  Result<void> context_sources(const Copy& copy, CopyStep& step) {
    for (const auto& raw : copy.sources) {
      TRY(auto source, expand(raw));
      if (source.find("://") != std::string::npos || source.starts_with("git@")) {
        return refuse("{} is not a file of the build context: fetch it with a RUN step", source);
      }
      auto found = find_sources(context_, source);
      if (found.empty()) return refuse("{} matches no file of the build context", source);
      std::move(found.begin(), found.end(), std::back_inserter(step.sources));
    }
    for (const auto& file : copy.inline_files) {
      CopySource source{.name = file.name, .content = file.content};
      if (file.expand) {
        TRY(source.content, expand_text(file.content, variables()));
      }
      step.sources.push_back(std::move(source));
    }
    return {};
  }

  // There is no registry behind COPY --from: the one image that the client itself names comes from PyPI.
  Result<void> uv_sources(const Copy& copy, CopyStep& step) {
    TRY(auto from, expand(copy.from));
    if (!from.starts_with(kUvImage)) {
      return refuse("COPY --from={} is not supported: only {}<version> can be copied from", from, kUvImage);
    }
    step.uv_version = from.substr(kUvImage.size());
    bool is_version =
        step.uv_version == "latest" ||
        (!step.uv_version.empty() && step.uv_version.find_first_not_of("0123456789.") == std::string::npos);
    if (!is_version) return refuse("{} is not a version of uv: use latest, X.Y or X.Y.Z", step.uv_version);
    for (const auto& raw : copy.sources) {
      TRY(auto source, expand(raw));
      source = normalize_path(source);
      if (source != "/uv" && source != "/uvx") return refuse("{} is not in {}: it has /uv and /uvx", source, from);
      step.sources.push_back(CopySource{.name = source.substr(1)});
    }
    return {};
  }

  static std::string fingerprint_of(const CopyStep& step) {
    Fingerprint out;
    out.add(step.is_add ? "ADD" : "COPY").add(step.uv_version).add(step.destination);
    out.add(step.into_directory ? "into" : "as")
        .add(step.chown)
        .add(step.chmod ? fmt::format("{:o}", *step.chmod) : "");
    for (const auto& source : step.sources) {
      out.add(source.is_directory ? "directory" : "file").add(source.name).add(source.content.value_or(""));
      for (const auto& [path, entry] : source.files)
        out.add(path).add(entry.sha256).add(fmt::format("{:o}", entry.mode));
    }
    return out.hex();
  }

  Result<std::optional<unsigned>> mode_of(const std::string& raw) const {
    if (raw.empty()) return std::optional<unsigned>();
    TRY(auto text, expand(raw));
    bool octal = !text.empty() && text.size() <= 5 && text.find_first_not_of("01234567") == std::string::npos;
    if (!octal) return refuse("--chmod={} is not supported: write an octal mode such as 755", text);
    return std::optional(static_cast<unsigned>(std::stoul(text, nullptr, 8)) & 07777U);
  }

  std::vector<std::string> argv_of(const Command& command) const {
    if (!command.shell) return command.argv;
    auto argv = plan_.config.shell;
    argv.push_back(*command.shell);
    return argv;
  }

  std::string workdir() const { return plan_.config.workdir.empty() ? "/" : plan_.config.workdir; }

  Values environment() const {
    Values env = plan_.config.env;
    env.insert(args_.begin(), args_.end());
    return env;
  }

  Variables variables() const {
    return [this](const std::string& name) {
      auto value = variables_in(plan_.config.env)(name);
      return value ? value : variables_in(args_)(name);
    };
  }

  Result<std::string> expand(const std::string& raw) const { return expand_word(raw, variables()); }

  template <typename Work>
  void add_step(Work work, std::string fingerprint) {
    plan_.steps.push_back({current_->line, current_->text, std::move(work), std::move(fingerprint)});
  }

  const Values& head_args_;
  const Values& build_args_;
  const Context& context_;
  const std::vector<std::string>& secret_names_;
  Plan plan_;
  Values args_;
  std::set<std::string> declared_;
  bool has_cmd_ = false;
  const Instruction* current_ = nullptr;
};

}  // namespace

Result<std::string> base_of(const std::vector<Instruction>& instructions, const Values& build_args) {
  TRY(auto head, head_of(instructions, build_args));
  const auto& from = instructions[head.from];
  auto image = expand_word(std::get<From>(from.action).image, variables_in(head.args));
  if (!image) return at(from, image.error());
  return image;
}

Result<Plan> make_plan(
    const std::vector<Instruction>& instructions, const ImageConfig& base, const Values& build_args,
    const Context& context, const std::vector<std::string>& secret_names) {
  TRY(auto head, head_of(instructions, build_args));
  Planner planner(head.args, base, build_args, context, secret_names);
  for (auto i = head.from + 1; i < instructions.size(); ++i) TRY_VOID(planner.apply(instructions[i]));
  return std::move(planner).finish();
}

}  // namespace bimodal::image
