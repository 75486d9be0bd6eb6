// Plain calls of functions: `.remote()`, `.spawn()`, `.map()` and the like, from their first input to the end of what
// is kept of them. Loop-bound (control loop).
//
// An input is in the database before its caller hears of it, and what it gave before it is forgotten here. It waits in
// its function's Line for a slot, runs as an Attempt inside a container, and ends once: by the container's output, by
// its timeout, by a cancellation, or because it can't be run. It is run again after the user's failure as its
// function's retry policy says, and after the loss of its container up to kMaxLosses times.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "calls/alarms.h"
#include "calls/call.h"
#include "calls/hosts.h"
#include "calls/journal.h"
#include "calls/line.h"
#include "metrics/page.h"
#include "runtime/containers.h"
#include "scheduler/functions.h"
#include "store/database.h"

namespace bimodal::calls {

struct Limits {
  int max_pending = 100'000;         // inputs of one function that have not ended
  int max_pending_in_map = 2'000;    // the same of one call whose caller waits for it
  std::size_t memory = 128u << 20;   // payloads in memory that are in the database as well
  std::size_t max_answer = 8 << 20;  // bytes of outputs in one answer, more only for a single one
};

struct NewInput {
  int place = 0;
  std::string arguments;  // serialized FunctionInput
};

// Outputs that somebody asks for.
struct Wanted {
  std::optional<std::pair<int, int>> places;  // first and last
  int after_entry = 0;                        // without `places`: those that ended after so many others
};

struct Outputs {
  std::vector<std::string> items;  // serialized FunctionGetOutputsItem
  int last_entry = 0;              // to go on from
  int unfinished = 0;              // inputs of the call that have not ended
};

class Calls : private Line::Ends {
 public:
  using Sessions = std::function<std::shared_ptr<runtime::Session>(const std::string& task_id)>;  // null when gone
  // The pool source of a function or a bound function; null when there is none.
  using Sources = std::function<std::shared_ptr<scheduler::PoolSource>(const std::string& function_id)>;

  Calls(
      boost::asio::any_io_executor executor, BlockingPool& pool, store::Database& database,
      scheduler::Functions& functions, Sessions sessions, Sources sources, Limits limits);
  ~Calls();

  // Takes up every input that had not ended when the last daemon did. Once, before the first call.
  Task<Result<void>> recover();
  // From now on nothing is given up: what is lost is for the next daemon. Outputs are still taken.
  void retire() { retired_ = true; }
  // For a daemon that takes over: no container gets an input from now on. Completes when those that are inside have
  // ended, at `deadline` at the latest.
  Task<void> pause(Deadline deadline);
  // Then: completes when all is on disk; what changes from now on is not written.
  Task<void> hold();
  // It doesn't take over: all goes on.
  void resume();
  // It has taken over, and goes on with every input that has not ended.
  void abandon();
  // Writes what is left to the database. Must finish before destruction.
  Task<void> close();

  // Begins a call, with its first inputs. `row` is without an id; `inputs` may be empty. ResourceExhausted when too
  // many inputs wait.
  Task<Result<CallPtr>> begin(store::Call row, std::vector<NewInput> inputs);
  // The call that a request of that key made shortly before the last daemon ended; none for an empty key.
  std::optional<std::string> made_before(const std::string& request_key) const;
  // Adds inputs, and returns all of these places. One that is there already stays as it is.
  Task<Result<std::vector<InputPtr>>> add(std::string call_id, std::vector<NewInput> inputs);
  // No input comes any more.
  Task<Result<void>> finish(std::string call_id, int inputs);
  // NotFound when it never was or is kept no longer.
  Task<Result<CallPtr>> find(std::string call_id);
  // Waits for the first of them until `deadline`; none when it passes, or no such output will come.
  Task<Result<Outputs>> outputs(std::string call_id, Wanted wanted, Deadline deadline);
  // The caller has what it wanted: the call may be forgotten soon.
  Task<Result<void>> take(std::string call_id);
  // Ends every input that has not ended. `kill`: with the containers that run them.
  Task<Result<void>> cancel(std::string call_id, bool kill);
  // The same for every call of the app's functions, which is stopped. Completes when that is on disk.
  Task<Result<void>> cancel_app(std::string app_id);
  // Completes when no input of the app's functions waits or runs; false when the wait was cancelled.
  Task<bool> wait_done(std::string app_id);

  // A container's output. Nothing happens when it doesn't have that input.
  void put_output(const std::string& task_id, api::FunctionPutOutputsItem output);

  // Items of a generator, from its container; NotFound when that doesn't have the call. Completes when there is room.
  Task<Result<void>> put_chunks(std::string task_id, std::string call_id, std::vector<Chunks::Chunk> chunks);
  // The item after number `index`, as soon as it is there; nothing when the wait was cancelled.
  Task<Result<std::optional<Chunks::Chunk>>> next_chunk(std::string call_id, std::uint64_t index);

  // Inputs that have not ended, and how those ended that did.
  void write_metrics(metrics::Page& page) const;
  int pending(const std::string& function_id) const;  // inputs that wait beside the pool's own queue

 private:
  struct Unfinished {
    int inputs = 0;
    std::string app_id;
  };

  Task<void> hand_over(InputPtr input, scheduler::Lease lease) override;
  void give_up(InputPtr input, Error reason) override;

  Result<void> check_room(const Call& call, std::size_t more) const;
  std::vector<InputPtr> insert(const CallPtr& call, std::vector<NewInput> inputs);
  // Waits until everything is on disk; else these inputs end.
  Task<Result<void>> secure(std::vector<InputPtr> inputs);
  void count(const Call& call);  // one more input that has not ended
  void enqueue(InputPtr input);
  void enqueue_again(InputPtr input);                             // one that had a slot before
  std::shared_ptr<Line> line_of(const std::string& function_id);  // null: the function isn't served
  void lose(Attempt attempt, const scheduler::ContainerExit& exit, bool alone);
  void time_out(const std::string& task_id, const std::string& input_id);
  void abandon(const std::string& task_id, Attempt& attempt);
  void cancel_inputs(Call& call, const std::string& why, bool kill);
  // False when the policy has no more retries.
  bool retry(const InputPtr& input, const model::RetryPolicy& policy);
  void end(Input& input, api::FunctionGetOutputsItem item);
  void end(Input& input, Status status, std::string message);
  void save_end(Input& input);
  Chunks& chunks_of(Call& call);
  Task<Result<CallPtr>> load(std::string call_id);
  Task<Result<std::shared_ptr<const std::string>>> bytes_of(InputPtr input, bool of_output);
  Task<void> tidy();
  void evict();

  boost::asio::any_io_executor executor_;
  BlockingPool& pool_;
  store::Database& database_;
  scheduler::Functions& functions_;
  Sessions sessions_;
  Sources sources_;
  const Limits limits_;
  PayloadBudget budget_;
  Journal journal_;
  Alarms alarms_;
  Scope scope_;
  Hosts hosts_;
  std::map<std::string, CallPtr> calls_;                // by id
  std::map<std::string, std::shared_ptr<Line>> lines_;  // by function id
  std::map<std::string, Unfinished> unfinished_;        // by function id
  Pulse function_done_;                                 // no input of some function waits or runs any more
  std::map<std::string, std::string> earlier_;          // calls of the last daemon's end by request key
  Deadline earlier_until_ = Deadline::never();          // nobody repeats their requests any more
  std::map<Status, std::uint64_t> ended_;               // inputs, by how
  Pulse attempt_ended_;                                 // a container has one input less
  Pulse resumed_;
  bool paused_ = false;
  bool retired_ = false;
};

}  // namespace bimodal::calls
