// One image build, running or just finished: its output and how it ended, for everyone who waits for it. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "async/pulse.h"
#include "base/result.h"
#include "control/build_output.h"
#include "control/image_records.h"

namespace bimodal::control {

class ImageBuild {
 public:
  ImageBuild(boost::asio::any_io_executor executor, std::string image_id)
      : image_id_(std::move(image_id)), changed_(std::move(executor)) {}

  const std::string& image_id() const { return image_id_; }
  const BuildOutput& output() const { return output_; }
  const std::optional<Result<ImageRecord>>& outcome() const { return outcome_; }  // nullopt while it runs
  Pulse& changed() { return changed_; }  // notified when output came, and at the end

  void say(std::string_view text) {
    output_.append(text);
    changed_.notify_all();
  }
  void finish(Result<ImageRecord> outcome) {
    if (outcome_) return;
    outcome_ = std::move(outcome);
    changed_.notify_all();
  }

 private:
  std::string image_id_;
  BuildOutput output_;
  std::optional<Result<ImageRecord>> outcome_;
  Pulse changed_;
};

}  // namespace bimodal::control
