#include "calls/calls.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "calls/clock.h"

namespace bimodal::calls {

Calls::Calls(
    boost::asio::any_io_executor executor, BlockingPool& pool, store::Database& database,
    scheduler::Functions& functions, Sessions sessions, Sources sources, Limits limits)
    : executor_(executor),
      pool_(pool),
      database_(database),
      functions_(functions),
      sessions_(std::move(sessions)),
      sources_(std::move(sources)),
      limits_(limits),
      budget_(limits.memory),
      journal_(executor, pool, database),
      alarms_(executor),
      scope_(executor, "calls"),
      hosts_(
          scope_,
          [this](Attempt attempt, const scheduler::ContainerExit& exit, bool alone) {
            lose(std::move(attempt), exit, alone);
            attempt_ended_.notify_all();
          }),
      function_done_(executor),
      attempt_ended_(executor),
      resumed_(executor) {}

Calls::~Calls() = default;

Task<void> Calls::pause(Deadline deadline) {
  paused_ = true;
  while (paused_ && !hosts_.is_empty() && co_await attempt_ended_.wait(deadline)) {
  }
}

Task<void> Calls::hold() {
  co_await journal_.hold();
}

void Calls::resume() {
  paused_ = false;
  journal_.release();
  resumed_.notify_all();
  attempt_ended_.notify_all();
}

void Calls::abandon() {
  retire();
  journal_.abandon();
  resumed_.notify_all();
}

Task<void> Calls::close() {
  retire();
  co_await scope_.close();
  alarms_.clear();
  co_await journal_.close();
  lines_.clear();
  hosts_.clear();
  calls_.clear();
}

Result<void> Calls::check_room(const Call& call, std::size_t more) const {
  auto found = unfinished_.find(call.row.function_id);
  const std::size_t pending = found == unfinished_.end() ? 0 : static_cast<std::size_t>(found->second.inputs);
  if (pending + more > static_cast<std::size_t>(limits_.max_pending)) {
    return error(
        Code::ResourceExhausted, "function {}: {} inputs wait or run already, {} is the most; try again later",
        call.row.function_id, pending, limits_.max_pending);
  }
  const auto own = static_cast<std::size_t>(call.unfinished());
  const bool is_awaited = call.row.invocation != api::FUNCTION_CALL_INVOCATION_TYPE_ASYNC;
  if (is_awaited && own + more > static_cast<std::size_t>(limits_.max_pending_in_map)) {
    return error(
        Code::ResourceExhausted, "call {}: {} of its inputs wait or run already, {} is the most at a time", call.id(),
        own, limits_.max_pending_in_map);
  }
  return {};
}

Task<Result<CallPtr>> Calls::begin(store::Call row, std::vector<NewInput> inputs) {
  if (retired_) co_return error(Code::Unavailable, "the server is shutting down");
  auto call = std::make_shared<Call>(executor_);
  call->row = std::move(row);
  call->row.call_id = new_id("fc");
  call->row.created_at = unix_now();
  call->used = Deadline::Clock::now();
  CO_TRY_VOID(check_room(*call, inputs.size()));
  journal_.add(
      [row = call->row](store::Transaction& transaction) { return store::CallTable(transaction).insert(row); });
  calls_.emplace(call->id(), call);
  auto added = insert(call, std::move(inputs));
  CO_TRY_VOID(co_await secure(std::move(added)));
  co_return call;
}

Task<Result<std::vector<InputPtr>>> Calls::add(std::string call_id, std::vector<NewInput> inputs) {
  if (retired_) co_return error(Code::Unavailable, "the server is shutting down");
  CO_TRY(CallPtr call, co_await find(std::move(call_id)));
  CO_TRY_VOID(check_room(*call, inputs.size()));
  auto added = insert(call, std::move(inputs));
  CO_TRY_VOID(co_await secure(added));
  co_return added;
}

std::vector<InputPtr> Calls::insert(const CallPtr& call, std::vector<NewInput> inputs) {
  std::vector<InputPtr> all;
  for (NewInput& fresh : inputs) {
    auto [entry, is_new] = call->inputs.try_emplace(fresh.place);
    Input& input = entry->second;
    const InputPtr pointer(call, &input);
    all.push_back(pointer);
    if (!is_new) continue;
    input.call = call.get();
    input.place = fresh.place;
    input.input_id = new_id("in");
    input.arguments.bytes = budget_.keep(std::move(fresh.arguments));
    count(*call);
    store::Input row{.call_id = call->id(), .place = input.place, .input_id = input.input_id};
    auto write = [row = std::move(row), bytes = input.arguments.bytes](store::Transaction& transaction) {
      return store::InputTable(transaction).insert(row, *bytes);
    };
    journal_.add(std::move(write), [this, pointer] { budget_.stored(pointer->arguments); });
    enqueue(pointer);
  }
  call->changed.notify_all();
  return all;
}

void Calls::count(const Call& call) {
  Unfinished& unfinished = unfinished_[call.row.function_id];
  unfinished.app_id = call.row.app_id;
  ++unfinished.inputs;
}

Task<Result<void>> Calls::secure(std::vector<InputPtr> inputs) {
  auto written = co_await journal_.flush();
  if (written) co_return written;
  for (const InputPtr& input : inputs) {
    if (!input->ended()) end(*input, api::GenericResult::GENERIC_STATUS_INTERNAL_FAILURE, written.error().message);
  }
  co_return written;
}

Task<Result<void>> Calls::finish(std::string call_id, int inputs) {
  CO_TRY(CallPtr call, co_await find(call_id));
  call->row.expected = inputs;
  journal_.add([call_id = std::move(call_id), inputs](store::Transaction& transaction) {
    return store::CallTable(transaction).set_expected(call_id, inputs);
  });
  call->changed.notify_all();
  co_return co_await journal_.flush();
}

namespace {

// A caller that follows a long call is told of new outputs no more often: each answer costs it, and the server, more
// than another output in one does.
constexpr auto kTellingPause = std::chrono::milliseconds(20);
constexpr std::size_t kOutputsWorthTelling = 100;

// How long the failure of a generator is held back for its items, which the client would drop once it knows.
constexpr auto kItemsFirst = std::chrono::seconds(2);
constexpr auto kItemsLead = std::chrono::milliseconds(50);  // on the way to the client and through it
constexpr int kSuccess = api::GenericResult::GENERIC_STATUS_SUCCESS;

std::vector<Input*> pick(Call& call, const Wanted& wanted) {
  if (!wanted.places) {
    const auto skip = std::min<std::size_t>(std::max(0, wanted.after_entry), call.ended.size());
    return {call.ended.begin() + static_cast<std::ptrdiff_t>(skip), call.ended.end()};
  }
  std::vector<Input*> picked;
  for (auto at = call.inputs.lower_bound(wanted.places->first); at != call.inputs.end(); ++at) {
    if (at->first > wanted.places->second) break;
    if (at->second.ended()) picked.push_back(&at->second);
  }
  return picked;
}

}  // namespace

Task<Result<Outputs>> Calls::outputs(std::string call_id, Wanted wanted, Deadline deadline) {
  CO_TRY(CallPtr call, co_await find(std::move(call_id)));
  auto picked = pick(*call, wanted);
  while (picked.empty() && !(call->is_complete() && wanted.places)) {
    if (!co_await call->changed.wait(deadline)) break;
    picked = pick(*call, wanted);
  }
  const Deadline gathered = Deadline::at(call->told + kTellingPause);
  while (!wanted.places && call->unfinished() > 0 && picked.size() < kOutputsWorthTelling && !gathered.passed()) {
    if (!co_await call->changed.wait(gathered.or_earlier(deadline))) break;
    picked = pick(*call, wanted);
  }
  if (wanted.places && call->chunks && !picked.empty() && picked.back()->ending.status != kSuccess) {
    co_await call->chunks->wait_read(Deadline::after(kItemsFirst).or_earlier(deadline));
    co_await sleep_until(Deadline::after(kItemsLead).or_earlier(deadline));
  }
  // Entries are numbered anew after a crash, from the last one on disk: nobody may have heard of a later one.
  if (!wanted.places && !picked.empty()) CO_TRY_VOID(co_await journal_.flush());
  Outputs out;
  out.last_entry = wanted.after_entry;
  std::size_t size = 0;
  for (Input* input : picked) {
    CO_TRY(auto bytes, co_await bytes_of(pointer_to(*input), true));
    size += bytes->size();
    if (!out.items.empty() && size > limits_.max_answer) break;
    out.items.push_back(*bytes);
    out.last_entry = input->ending.entry;
  }
  out.unfinished = call->unfinished();
  call->used = Deadline::Clock::now();
  if (!wanted.places && !out.items.empty()) call->told = call->used;
  co_return out;
}

Task<Result<void>> Calls::take(std::string call_id) {
  CO_TRY(CallPtr call, co_await find(call_id));
  if (call->row.taken_at > 0) co_return Result<void>();
  call->row.taken_at = unix_now();
  for (Input* input : std::exchange(call->unsaved, {})) save_end(*input);
  journal_.add([call_id = std::move(call_id), at = call->row.taken_at](store::Transaction& transaction) {
    return store::CallTable(transaction).set_taken(call_id, at);
  });
  co_return Result<void>();
}

Chunks& Calls::chunks_of(Call& call) {
  if (!call.chunks) call.chunks = std::make_unique<Chunks>(executor_);
  return *call.chunks;
}

Task<Result<void>> Calls::put_chunks(std::string task_id, std::string call_id, std::vector<Chunks::Chunk> chunks) {
  Attempt* attempt = hosts_.find_call(task_id, call_id);
  if (attempt == nullptr) co_return error(Code::NotFound, "call {} is not with this container", call_id);
  if (attempt->is_abandoned) co_return Result<void>();
  const InputPtr input = attempt->input;  // keeps the call
  co_return co_await chunks_of(*input->call).put(std::move(chunks));
}

Task<Result<std::optional<Chunks::Chunk>>> Calls::next_chunk(std::string call_id, std::uint64_t index) {
  CO_TRY(CallPtr call, co_await find(std::move(call_id)));
  co_return co_await chunks_of(*call).next(index);
}

Task<Result<void>> Calls::cancel(std::string call_id, bool kill) {
  CO_TRY(CallPtr call, co_await find(std::move(call_id)));
  cancel_inputs(*call, "Input was cancelled by user", kill);
  co_return co_await journal_.flush();
}

// Calls with unfinished inputs are all in memory.
Task<Result<void>> Calls::cancel_app(std::string app_id) {
  if (retired_) co_return Result<void>();
  for (auto& [id, call] : calls_) {
    if (call->row.app_id == app_id) cancel_inputs(*call, "Input was cancelled: its app was stopped", false);
  }
  co_return co_await journal_.flush();
}

Task<bool> Calls::wait_done(std::string app_id) {
  auto is_of_app = [&](const auto& entry) { return entry.second.app_id == app_id; };
  while (std::any_of(unfinished_.begin(), unfinished_.end(), is_of_app)) {
    if (!co_await function_done_.wait(Deadline::never())) co_return false;
  }
  co_return true;
}

void Calls::cancel_inputs(Call& call, const std::string& why, bool kill) {
  if (call.unfinished() == 0) return;
  for (auto& [place, input] : call.inputs) {
    if (input.ended()) continue;
    const std::string task_id = input.task_id;
    end(input, api::GenericResult::GENERIC_STATUS_TERMINATED, why);
    Attempt* attempt = task_id.empty() ? nullptr : hosts_.find(task_id, input.input_id);
    if (attempt != nullptr) abandon(task_id, *attempt);
    if (attempt != nullptr && kill) functions_.stop_container(task_id, scheduler::Stop::Kill);
  }
  auto line = lines_.find(call.row.function_id);
  if (line != lines_.end()) line->second->prune();
}

int Calls::pending(const std::string& function_id) const {
  auto line = lines_.find(function_id);
  return line == lines_.end() ? 0 : static_cast<int>(line->second->behind());
}

}  // namespace bimodal::calls
