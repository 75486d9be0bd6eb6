// What a LiveContainer says in its app's log.
#include <boost/asio/post.hpp>
#include <utility>

#include "runtime/live_container.h"

namespace bimodal::runtime {

void LiveContainer::note_cold_start(std::string phases) {
  auto note = [self = shared_from_this(), phases = std::move(phases)] {
    if (!std::exchange(self->cold_start_noted_, true)) self->say("cold start: " + phases);
  };
  boost::asio::post(surroundings_.executor, std::move(note));
}

void LiveContainer::write_log(model::LogEntry entry) {
  const LogSink& sink = step_ ? step_->output : surroundings_.logs;
  sink(std::move(entry));
}

void LiveContainer::say(const std::string& line) {
  write_log({
      .app_id = version_->app_id,
      .function_id = version_->function_id,
      .task_id = task_id_,
      .input_id = "",
      .function_call_id = "",
      .stream = model::LogStream::System,
      .text = line + "\n",
      .at = std::chrono::system_clock::now(),
  });
}

std::string LiveContainer::name() const {
  return version_->app_name + "/" + version_->tag;
}

}  // namespace bimodal::runtime
