// The part of Calls that deals with the database: what was there before, what memory needn't hold, what is forgotten.
#include <utility>

#include "async/pulse.h"
#include "async/rough.h"
#include "base/log.h"
#include "calls/calls.h"
#include "calls/clock.h"

namespace bimodal::calls {

using namespace std::chrono_literals;

namespace {

constexpr auto kTidyPause = 10s;
constexpr auto kIdleTaken = 10s;                  // the same of one whose outputs were taken
constexpr auto kIdleUnsaved = 1h;                 // a generator whose items nobody fetched is forgotten then
constexpr auto kIdle = 60s;                       // a call without inputs to run leaves memory after so long
constexpr double kKeepSeconds = 7 * 24 * 3600.0;  // calls whose outputs nobody took
constexpr double kKeepTakenSeconds = 600;         // the others: for a caller that didn't get the answer
constexpr int kForgetAtOnce = 500;                // calls, in one transaction
constexpr int kRepeatSeconds = 600;               // for which a request is known when it comes again

struct Loaded {
  store::Call row;
  std::vector<store::Input> inputs;
};

struct Earlier {
  std::vector<Loaded> calls;
  std::map<std::string, std::string> keys;
};

Result<Loaded> read(store::Transaction& transaction, store::Call row) {
  Loaded out{std::move(row), {}};
  TRY(out.inputs, store::InputTable(transaction).of_call(out.row.call_id));
  return out;
}

CallPtr restored(const boost::asio::any_io_executor& executor, Loaded loaded) {
  auto call = std::make_shared<Call>(executor);
  call->row = std::move(loaded.row);
  call->used = Deadline::Clock::now();
  std::map<int, Input*> by_entry;
  for (store::Input& row : loaded.inputs) {
    Input& input = call->inputs[row.place];
    input.call = call.get();
    input.place = row.place;
    input.input_id = std::move(row.input_id);
    input.attempts = row.attempts;
    input.ending = std::move(row.ending);
    input.arguments.is_stored = input.output.is_stored = true;
    if (input.ended()) by_entry[input.ending.entry] = &input;
  }
  for (auto& [entry, input] : by_entry) call->ended.push_back(input);
  return call;
}

}  // namespace

Task<Result<void>> Calls::recover() {
  auto work = [](store::Transaction& transaction) -> Result<Earlier> {
    Earlier all;
    TRY(auto rows, store::CallTable(transaction).unfinished());
    for (store::Call& row : rows) {
      TRY(Loaded loaded, read(transaction, std::move(row)));
      all.calls.push_back(std::move(loaded));
    }
    TRY(all.keys, store::CallTable(transaction).request_keys(unix_now() - kRepeatSeconds));
    return all;
  };
  auto run = [this, work = std::move(work)] { return database_.transact(work); };
  CO_TRY(Earlier all, co_await pool_.run(std::move(run)));
  earlier_ = std::move(all.keys);
  earlier_until_ = Deadline::after(std::chrono::seconds(kRepeatSeconds));
  int inputs = 0;
  for (Loaded& loaded : all.calls) {
    CallPtr call = restored(executor_, std::move(loaded));
    calls_.emplace(call->id(), call);
    for (auto& [place, input] : call->inputs) {
      if (input.ended()) continue;
      ++inputs;
      count(*call);
      enqueue(InputPtr(call, &input));
    }
  }
  if (inputs > 0) log::info("{} inputs of {} calls go on where the last daemon left them", inputs, all.calls.size());
  scope_.spawn(alarms_.run());
  scope_.spawn(tidy());
  co_return Result<void>();
}

std::optional<std::string> Calls::made_before(const std::string& request_key) const {
  auto found = earlier_.find(request_key);
  if (found == earlier_.end()) return std::nullopt;
  return found->second;
}

Task<Result<CallPtr>> Calls::find(std::string call_id) {
  auto found = calls_.find(call_id);
  if (found == calls_.end()) co_return co_await load(std::move(call_id));
  found->second->used = Deadline::Clock::now();
  co_return found->second;
}

Task<Result<CallPtr>> Calls::load(std::string call_id) {
  auto work = [this, call_id] {
    return database_.transact([&](store::Transaction& transaction) -> Result<Loaded> {
      TRY(auto row, store::CallTable(transaction).find(call_id));
      if (!row) return error(Code::NotFound, "Function call {} not found, or kept no longer", call_id);
      return read(transaction, *std::move(row));
    });
  };
  CO_TRY(Loaded loaded, co_await pool_.run(std::move(work)));
  auto [entry, fresh] = calls_.try_emplace(call_id);
  if (fresh) entry->second = restored(executor_, std::move(loaded));
  co_return entry->second;
}

Task<Result<std::shared_ptr<const std::string>>> Calls::bytes_of(InputPtr input, bool of_output) {
  Payload& payload = of_output ? input->output : input->arguments;
  if (payload.bytes) co_return payload.bytes;
  auto work = [this, call_id = input->call->id(), place = input->place, of_output] {
    return database_.transact([&](store::Transaction& transaction) {
      store::InputTable inputs(transaction);
      return of_output ? inputs.output(call_id, place) : inputs.arguments(call_id, place);
    });
  };
  CO_TRY(std::string bytes, co_await pool_.run(std::move(work)));
  co_return budget_.keep(std::move(bytes));
}

Task<void> Calls::tidy() {
  while (co_await sleep_until(roughly_after(kTidyPause))) {
    const auto written = co_await journal_.flush();
    if (!written) continue;
    evict();
    if (earlier_until_.passed()) earlier_.clear();
    const double now = unix_now();
    int forgotten = kForgetAtOnce;
    while (forgotten == kForgetAtOnce) {
      auto work = [this, now] {
        return database_.transact([&](store::Transaction& transaction) {
          return store::CallTable(transaction).remove_old(now - kKeepSeconds, now - kKeepTakenSeconds, kForgetAtOnce);
        });
      };
      forgotten = (co_await pool_.run(std::move(work))).value_or(0);
    }
  }
}

// Everything is on disk.
void Calls::evict() {
  const auto now = Deadline::Clock::now();
  std::erase_if(calls_, [&](const auto& entry) {
    const CallPtr& call = entry.second;
    if (call->unfinished() > 0 || call.use_count() > 1) return false;
    const bool is_taken = call->row.taken_at > 0;
    if (!call->unsaved.empty()) {
      if (now - call->used < kIdleUnsaved) return false;
      for (Input* input : std::exchange(call->unsaved, {})) save_end(*input);
      return false;
    }
    return now - call->used > (is_taken ? kIdleTaken : kIdle);
  });
  std::erase_if(lines_, [](const auto& entry) { return entry.second->is_idle(); });
}

}  // namespace bimodal::calls
