// Dockerfile text -> instructions. Pure; thread-safe.
//
// Words keep their quotes and $variables: what they stand for is known only when the steps before them are
// (see words.h and plan.h). Grammar: https://docs.docker.com/reference/dockerfile/.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace bimodal::image {

// A command in either form: ["a", "b"], or text for the shell.
struct Command {
  std::vector<std::string> argv;     // JSON form
  std::optional<std::string> shell;  // shell form, variables untouched
};

// `COPY <<name dest`: a file whose content stands in the recipe.
struct InlineFile {
  std::string name;
  std::string content;
  bool expand = true;  // variables are replaced, unless the name was quoted
};

using RawPairs = std::vector<std::pair<std::string, std::string>>;  // name -> raw word

struct From {
  std::string image;  // raw
  std::string stage;  // AS name, "" when none
};
struct Run {
  Command command;
};
struct Copy {
  bool is_add = false;
  std::vector<std::string> sources;  // raw
  std::vector<InlineFile> inline_files;
  std::string destination;         // raw
  std::string from, chown, chmod;  // flags, raw; "" when absent
};
struct Env {
  RawPairs values;
};
struct Label {
  RawPairs values;
};
struct Arg {
  std::string name;
  std::optional<std::string> fallback;  // raw
};
struct Workdir {
  std::string path;  // raw
};
struct User {
  std::string name;  // raw
};
struct Shell {
  std::vector<std::string> argv;
};
struct Cmd {
  Command command;
};
struct Entrypoint {
  Command command;
};
struct Ignored {};  // EXPOSE, VOLUME, STOPSIGNAL, MAINTAINER: nothing that we do depends on them

using Action = std::variant<From, Run, Copy, Env, Label, Arg, Workdir, User, Shell, Cmd, Entrypoint, Ignored>;

struct Instruction {
  int line = 0;      // of its first line, from 1
  std::string text;  // as written, continuation lines joined, heredocs cut; for messages
  Action action;
};

// Limits of one recipe.
inline constexpr std::size_t kMaxRecipeBytes = 1 << 20;
inline constexpr std::size_t kMaxInstructions = 1000;

// Fails with InvalidArgument and "line N: …" for what isn't Dockerfile grammar, and for instructions and flags that
// this builder doesn't know: they are never skipped silently.
Result<std::vector<Instruction>> parse_dockerfile(const std::vector<std::string>& lines);

}  // namespace bimodal::image
