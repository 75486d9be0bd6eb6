// What a recipe asks for, once its variables are known: the steps that make layers, and the configuration that
// results. Pure; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "image/builder.h"
#include "image/dockerfile.h"

namespace bimodal::image {

struct RunStep {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  // ENV and ARG; not the secrets
  std::string cwd;
  std::string user;  // "" is root
};

// One source of a COPY: a file, or a directory whose content is copied.
struct CopySource {
  std::string name;  // last component, "" for a directory
  bool is_directory = false;
  std::vector<std::pair<std::string, ContextEntry>> files;  // path below the directory; one "" for a file
  std::optional<std::string> content;                       // of an inline file, which has no context entry
};

struct CopyStep {
  bool is_add = false;
  std::vector<CopySource> sources;
  std::string uv_version;         // COPY --from=…/uv:<version>: sources are /uv or /uvx of it; else ""
  std::string destination;        // absolute, normalized
  bool into_directory = false;    // the destination is a directory, whether it exists or not
  std::string chown;              // "", or user[:group], names or numbers of the image
  std::optional<unsigned> chmod;  // of files
};

// WORKDIR: makes a layer only when the directory isn't there.
struct DirectoryStep {
  std::string path;
};

struct Step {
  int line = 0;
  std::string text;
  std::variant<RunStep, CopyStep, DirectoryStep> work;
  std::string fingerprint;  // of everything that decides the result but the layers below
};

struct Plan {
  std::vector<Step> steps;
  ImageConfig config;
  std::vector<std::string> unused_args;  // build arguments that no ARG declares
};

// What FROM names, ARGs before it applied. InvalidArgument when there isn't exactly one FROM, before all else but ARG.
Result<std::string> base_of(
    const std::vector<Instruction>& instructions, const std::map<std::string, std::string>& build_args);

// Fails with InvalidArgument or FailedPrecondition and "line N: …": a COPY source that matches nothing, a bad
// substitution, a source that can't be had.
Result<Plan> make_plan(
    const std::vector<Instruction>& instructions, const ImageConfig& base,
    const std::map<std::string, std::string>& build_args, const Context& context,
    const std::vector<std::string>& secret_names);

}  // namespace bimodal::image
