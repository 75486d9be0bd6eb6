// The functions of Image.run_function() (protocol §6.2): each runs once, as a call of its own, in a container on the
// base image, whose changes are the image's next layer. Loop-bound.
//
// Containers ends these containers with all others; then what waits here returns.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/pulse.h"
#include "control/api.h"
#include "control/context.h"
#include "image/builder.h"
#include "scheduler/launcher.h"

namespace bimodal::control {

class BuildFunctions {
 public:
  static constexpr int kMaxRunning = 4;  // containers; further ones wait

  explicit BuildFunctions(Context& context) : context_(context), freed_(context.executor) {}

  // The step that `request` asks for, which has a build_function_id. NotFound when there is no such function (any
  // more), InvalidArgument when it is none of run_function().
  Task<Result<image::ForeignStep>> step_of(const api::ImageGetOrCreateRequest& request);

  // Whether that container runs one.
  bool has(const std::string& task_id) const { return runs_.contains(task_id); }
  // The output of its input: it may go.
  void put_output(const std::string& task_id, const api::GenericResult& result);

 private:
  struct Job {
    model::FunctionVersionPtr version;
    api::FunctionInput input;
  };
  struct Run {
    std::shared_ptr<scheduler::Container> container;
    std::optional<api::GenericResult> result;
  };

  Task<Result<void>> run(std::shared_ptr<const Job> job, std::filesystem::path tree, image::BuildLog log);
  Task<Result<void>> run_in_place(std::shared_ptr<const Job> job, std::filesystem::path tree, image::BuildLog log);

  Context& context_;
  std::map<std::string, Run> runs_;  // by task id
  int running_ = 0;
  Pulse freed_;
};

}  // namespace bimodal::control
