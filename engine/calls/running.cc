// The part of Calls that deals with containers: an input on its way in, inside, and out.
#include <algorithm>
#include <cmath>
#include <utility>

#include "async/pulse.h"
#include "base/log.h"
#include "calls/calls.h"
#include "calls/clock.h"

namespace bimodal::calls {

using api::GenericResult;

namespace {

// Containers that may end with an input inside, and it is run once more. Others that were in there as well may be the
// cause, and it must not fail with them.
constexpr int kMaxLossesAlone = 3;
constexpr int kMaxLosses = 8;

// How long a container has to stop an input that was cancelled. Its client hears of it within a second or two, and an
// input's own handlers may need as long.
constexpr auto kCancelPatience = std::chrono::seconds(10);

constexpr auto kGonePause = std::chrono::milliseconds(20);  // until the pool has heard that a container is gone
constexpr std::size_t kMaxOutput = 64u << 20;               // of one output, without data, which is a blob then

api::FunctionGetOutputsItem item_of(api::FunctionPutOutputsItem& output) {
  api::FunctionGetOutputsItem item;
  *item.mutable_result() = std::move(*output.mutable_result());
  item.set_data_format(output.data_format());
  item.set_input_started_at(output.input_started_at());
  item.set_output_created_at(output.output_created_at());
  return item;
}

}  // namespace

std::shared_ptr<Line> Calls::line_of(const std::string& function_id) {
  auto found = lines_.find(function_id);
  if (found != lines_.end()) return found->second;
  auto source = sources_(function_id);
  if (!source) return nullptr;
  Line::Ends& ends = *this;
  auto line = std::make_shared<Line>(scope_, std::move(source), ends);
  lines_.emplace(function_id, line);
  return line;
}

void Calls::enqueue(InputPtr input) {
  if (retired_ || input->ended()) return;
  auto line = line_of(input->call->row.function_id);
  if (line) return line->add(std::move(input));
  give_up(std::move(input), Error{Code::Unavailable, ""});
}

void Calls::enqueue_again(InputPtr input) {
  if (retired_ || input->ended()) return;
  input->task_id.clear();
  auto line = line_of(input->call->row.function_id);
  if (line) return line->add_first(std::move(input));
  give_up(std::move(input), Error{Code::Unavailable, ""});
}

void Calls::give_up(InputPtr input, Error reason) {
  if (retired_) return;
  if (reason.code == Code::FailedPrecondition) {
    return end(*input, GenericResult::GENERIC_STATUS_INIT_FAILURE, "its container doesn't start: " + reason.message);
  }
  if (reason.code != Code::Unavailable) {
    return end(*input, GenericResult::GENERIC_STATUS_FAILURE, std::move(reason.message));
  }
  end(*input, GenericResult::GENERIC_STATUS_TERMINATED,
      "its function is served no longer: the app was stopped, or deployed without it");
}

Task<void> Calls::hand_over(InputPtr input, scheduler::Lease lease) {
  while (paused_ && !retired_) {
    if (!co_await resumed_.wait(Deadline::never())) co_return;
  }
  if (retired_) co_return;
  auto arguments = co_await bytes_of(input, false);
  if (input->ended()) co_return;
  if (!arguments) {
    end(*input, GenericResult::GENERIC_STATUS_INTERNAL_FAILURE, arguments.error().message);
    co_return;
  }
  const std::string task_id = lease.container().task_id();
  auto session = sessions_(task_id);
  if (!session) {
    enqueue_again(std::move(input));
    co_await sleep_until(Deadline::after(kGonePause));
    co_return;
  }
  const store::Call& call = input->call->row;
  auto given = std::make_shared<runtime::PlainInput>(runtime::PlainInput{
      .input_id = input->input_id,
      .call_id = call.call_id,
      .arguments = **arguments,
      .invocation = call.invocation,
      .attempts = input->attempts,
      .place = input->place});
  if (session->version().single_use) functions_.stop_container(task_id, scheduler::Stop::WhenEmpty);
  input->task_id = task_id;
  input->started_at = unix_now();
  Attempt attempt{.input = input, .lease = std::move(lease), .given = given, .retries = session->version().retries};
  attempt.alarm = alarms_.at(
      Deadline::after(session->version().timeout), [this, task_id, id = input->input_id] { time_out(task_id, id); });
  hosts_.add(task_id, std::move(attempt));
  session->give(std::move(given));
}

void Calls::put_output(const std::string& task_id, api::FunctionPutOutputsItem output) {
  Attempt* attempt = hosts_.find(task_id, output.input_id());
  if (attempt == nullptr) return;
  const InputPtr input = attempt->input;
  const model::RetryPolicy retries = attempt->retries;
  const bool is_wanted = !attempt->is_abandoned && !input->ended();
  hosts_.remove(task_id, input->input_id);
  attempt_ended_.notify_all();
  if (!is_wanted) return;
  const Status status = output.result().status();
  // Interrupted, but not by us: the container is on its way out.
  if (status == GenericResult::GENERIC_STATUS_TERMINATED && ++input->losses <= kMaxLosses) {
    return enqueue_again(input);
  }
  if (status == GenericResult::GENERIC_STATUS_FAILURE && retry(input, retries)) return;
  end(*input, item_of(output));
}

bool Calls::retry(const InputPtr& input, const model::RetryPolicy& policy) {
  if (input->attempts >= policy.retries) return false;
  const double wait_ms =
      static_cast<double>(policy.initial_delay.count()) * std::pow(policy.backoff_coefficient, input->attempts);
  const double most_ms = static_cast<double>(policy.max_delay.count());
  const std::chrono::milliseconds delay(static_cast<std::int64_t>(std::clamp(wait_ms, 0.0, most_ms)));
  ++input->attempts;
  input->task_id.clear();
  journal_.add([call_id = input->call->id(), place = input->place, attempts = input->attempts](auto& transaction) {
    return store::InputTable(transaction).set_attempts(call_id, place, attempts);
  });
  alarms_.later(Deadline::after(delay), [this, input] { enqueue(input); });
  return true;
}

void Calls::lose(Attempt attempt, const scheduler::ContainerExit& exit, bool alone) {
  const InputPtr input = attempt.input;
  if (attempt.is_abandoned || input->ended() || retired_) return;
  if (attempt.given->is_fetched && ++input->losses > (alone ? kMaxLossesAlone : kMaxLosses)) {
    return end(
        *input, GenericResult::GENERIC_STATUS_INTERNAL_FAILURE,
        fmt::format("its container ended {} times while it ran; the last time: {}", input->losses, exit.reason));
  }
  enqueue_again(input);
}

void Calls::time_out(const std::string& task_id, const std::string& input_id) {
  Attempt* attempt = hosts_.find(task_id, input_id);
  if (attempt == nullptr || attempt->is_abandoned) return;
  const InputPtr input = attempt->input;
  const model::RetryPolicy retries = attempt->retries;
  const auto session = sessions_(task_id);
  const auto limit_ms = session ? session->version().timeout.count() : 0;
  abandon(task_id, *attempt);
  if (input->ended() || retry(input, retries)) return;
  end(*input, GenericResult::GENERIC_STATUS_TIMEOUT,
      fmt::format("Task's current input {} hit its timeout of {}s", input_id, static_cast<double>(limit_ms) / 1000));
}

void Calls::abandon(const std::string& task_id, Attempt& attempt) {
  attempt.is_abandoned = true;
  attempt.alarm.cancel();
  const std::string input_id = attempt.input->input_id;
  const auto session = sessions_(task_id);
  if (!session) return;  // its end is near
  if (!session->cancel(input_id)) {
    hosts_.remove(task_id, input_id);
    return attempt_ended_.notify_all();
  }
  attempt.alarm = alarms_.at(Deadline::after(kCancelPatience), [this, task_id] { functions_.kill_stuck(task_id); });
}

void Calls::end(Input& input, Status status, std::string message) {
  api::FunctionGetOutputsItem item;
  item.mutable_result()->set_status(status);
  item.mutable_result()->set_exception(std::move(message));
  item.set_input_started_at(input.started_at);
  item.set_output_created_at(unix_now());
  end(input, std::move(item));
}

void Calls::end(Input& input, api::FunctionGetOutputsItem item) {
  Call& call = *input.call;
  if (item.ByteSizeLong() > kMaxOutput) {
    item.mutable_result()->Clear();
    item.mutable_result()->set_status(GenericResult::GENERIC_STATUS_FAILURE);
    item.mutable_result()->set_exception("what the input gave is too large to be kept");
  }
  item.set_idx(input.place);
  item.set_input_id(input.input_id);
  item.set_task_id(input.task_id);
  item.set_retry_count(static_cast<std::uint32_t>(input.attempts));
  ++ended_[item.result().status()];
  call.ended.push_back(&input);
  input.ending = {
      .entry = static_cast<int>(call.ended.size()),
      .status = item.result().status(),
      .task_id = input.task_id,
      .started_at = item.input_started_at(),
      .ended_at = item.output_created_at()};
  input.output = {budget_.keep(item.SerializeAsString())};
  input.arguments = {};
  auto unfinished = unfinished_.find(call.row.function_id);
  if (unfinished != unfinished_.end() && --unfinished->second.inputs == 0) {
    unfinished_.erase(unfinished);
    function_done_.notify_all();
  }
  // Its items are in memory only: after a crash it has to run again.
  if (item.data_format() == api::DATA_FORMAT_GENERATOR_DONE) {
    call.unsaved.push_back(&input);
  } else {
    save_end(input);
  }
  call.changed.notify_all();
}

void Calls::save_end(Input& input) {
  auto write = [call_id = input.call->id(), place = input.place, ending = input.ending,
                bytes = input.output.bytes](store::Transaction& transaction) {
    return store::InputTable(transaction).end(call_id, place, ending, *bytes);
  };
  journal_.add(std::move(write), [this, ended = pointer_to(input)] { budget_.stored(ended->output); });
}

}  // namespace bimodal::calls
