// The layers that the steps of a recipe make. Loop-bound.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "image/layer_cache.h"
#include "image/plan.h"
#include "image/sandbox_steps.h"

namespace bimodal::image {

// What a step builds upon.
struct StepGround {
  std::vector<std::filesystem::path> layers;  // of the image so far, lowest first
  std::string key;                            // of the layer to be made
  std::string title;                          // the instruction
};

class RunJob : public LayerJob {
 public:
  RunJob(StepGround ground, RunStep step, std::map<std::string, std::string> secrets, SandboxSteps& sandboxes);
  const std::string& key() const override { return ground_.key; }
  std::string origin() const override { return ground_.title; }
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  StepGround ground_;
  RunStep step_;
  std::map<std::string, std::string> secrets_;
  SandboxSteps& sandboxes_;
};

// A step that somebody else runs. What was mounted for it at kForeignMounts is left out.
class ForeignJob : public LayerJob {
 public:
  static constexpr std::string_view kForeignMounts = "__modal";  // in the root directory

  ForeignJob(StepGround ground, ForeignStep step, BlockingPool& pool);
  const std::string& key() const override { return ground_.key; }
  std::string origin() const override { return ground_.title; }
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  StepGround ground_;
  ForeignStep step_;
  BlockingPool& pool_;
};

// COPY, ADD and WORKDIR: files that we write ourselves.
class WriteJob : public LayerJob {
 public:
  WriteJob(StepGround ground, CopyStep step, BlockingPool& pool);
  WriteJob(StepGround ground, DirectoryStep step, BlockingPool& pool);
  const std::string& key() const override { return ground_.key; }
  std::string origin() const override { return ground_.title; }
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  StepGround ground_;
  std::variant<CopyStep, DirectoryStep> step_;
  BlockingPool& pool_;
};

}  // namespace bimodal::image
