#include "image/step_jobs.h"

#include "image/copy_layer.h"
#include "image/files.h"

namespace bimodal::image {

RunJob::RunJob(StepGround ground, RunStep step, std::map<std::string, std::string> secrets, SandboxSteps& sandboxes)
    : ground_(std::move(ground)), step_(std::move(step)), secrets_(std::move(secrets)), sandboxes_(sandboxes) {}

Task<Result<bool>> RunJob::make(const Scratch& scratch, BuildLog log) {
  SandboxCommand command{
      .title = ground_.title,
      .layers = ground_.layers,
      .argv = step_.argv,
      .env = step_.env,
      .secrets = secrets_,
      .cwd = step_.cwd,
      .user = step_.user};
  CO_TRY_VOID(co_await sandboxes_.run(std::move(command), scratch, std::move(log)));
  co_return true;
}

ForeignJob::ForeignJob(StepGround ground, ForeignStep step, BlockingPool& pool)
    : ground_(std::move(ground)), step_(std::move(step)), pool_(pool) {}

Task<Result<bool>> ForeignJob::make(const Scratch& scratch, BuildLog log) {
  CO_TRY_VOID(co_await step_.run(scratch.tree(), std::move(log)));
  // One component: whatever the step made of it, nothing outside of the tree is reached.
  auto clean = [tree = scratch.tree()] {
    remove_tree(tree / kForeignMounts);
    return !list_directory(tree).empty();
  };
  co_return co_await pool_.run(clean);
}

WriteJob::WriteJob(StepGround ground, CopyStep step, BlockingPool& pool)
    : ground_(std::move(ground)), step_(std::move(step)), pool_(pool) {}

WriteJob::WriteJob(StepGround ground, DirectoryStep step, BlockingPool& pool)
    : ground_(std::move(ground)), step_(std::move(step)), pool_(pool) {}

Task<Result<bool>> WriteJob::make(const Scratch& scratch, BuildLog) {
  auto write = [this, tree = scratch.tree()]() -> Result<bool> {
    if (const auto* directory = std::get_if<DirectoryStep>(&step_)) {
      return write_directory(directory->path, ground_.layers, tree);
    }
    TRY_VOID(write_copy(std::get<CopyStep>(step_), ground_.layers, tree));
    return true;
  };
  auto filled = co_await pool_.run(write);
  if (!filled) {
    co_return error(filled.error().code, "{}: {}", ground_.title, filled.error().message);
  }
  co_return filled;
}

}  // namespace bimodal::image
