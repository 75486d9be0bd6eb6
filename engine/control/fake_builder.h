// For tests: an image builder that does as it is told.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "async/pulse.h"
#include "image/builder.h"

namespace bimodal::control {

// Loop-bound, but for what tests set up before they call anything.
class FakeBuilder : public image::Builder {
 public:
  FakeBuilder(boost::asio::any_io_executor executor, std::filesystem::path layers)
      : released_(std::move(executor)), layers_(std::move(layers)) {}

  Task<Result<image::Image>> build(image::BuildRequest request, image::BuildLog log) override {
    requests.push_back(request);
    log("building " + request.commands.front() + "\n");
    while (hold) {
      if (!co_await released_.wait(Deadline::never())) break;
    }
    if (!failure.empty()) co_return error(Code::FailedPrecondition, "{}", failure);
    image::Image image;
    image.layers = {"layer"};
    std::filesystem::create_directories(layers_ / "layer");
    image.python = python;
    co_return image;
  }

  Task<Result<std::filesystem::path>> runtime_layer(std::string python, std::string client_version) override {
    co_return layers_ / ("runtime-" + python + "-" + client_version);
  }
  std::filesystem::path layers_dir() const override { return layers_; }
  Task<void> close() override { co_return; }

  void release() {
    hold = false;
    released_.notify_all();
  }

  bool hold = false;
  std::string failure;
  std::string python = "3.11";
  std::vector<image::BuildRequest> requests;

 private:
  Pulse released_;
  std::filesystem::path layers_;
};

}  // namespace bimodal::control
