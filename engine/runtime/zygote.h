// Makes containers in reserve by forking: a sandbox whose Python has imported what every container of its image
// imports, and forks itself for each that is wanted (wire/zygote.h; bimodal_runner/zygote.py is the other side).
//
// It has no secret and no file of the app, and is never a container itself. Its containers share its memory, hash seed
// and address layout, hence one for each app. They outlive its process, not its sandbox.
//
// One of a function goes on from there: it gets that function's root, environment, secrets and arguments, runs the
// client's entrypoint, and forks where that would import the user's code (bimodal_runner/function_zygote.py).
// Loop-bound. end() must finish before destruction.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "async/pulse.h"
#include "runtime/body.h"
#include "sandbox/packet.h"

namespace bimodal::runtime {

class Zygote : public std::enable_shared_from_this<Zygote> {
 public:
  Zygote(
      boost::asio::any_io_executor executor, sandbox::Launcher& sandboxes, const ContainersConfig& config,
      std::string id);

  // Starts it for that plan's image, and returns when it is ready. FailedPrecondition: this image's processes can't be
  // forked, and why.
  Task<Result<void>> load(ContainerPlan plan, model::FunctionVersionPtr version);
  // The same for that function; `plan` is that of a container of it with id() as its task id.
  Task<Result<void>> load_function(ContainerPlan plan, model::FunctionVersionPtr version);

  // One more container of that image, which waits on `channel` (kStandbyFd), as soon as this is ready. One after the
  // other. Its Body::origin must live as long as its sandbox.
  Task<Result<Body>> fork(ContainerPlan plan, model::FunctionVersionPtr version, std::string id, UniqueFd channel);

  // Forks no more, waits for the end of the last container, and leaves nothing. fork() and load() fail meanwhile.
  Task<void> end();

  bool loading() const { return state_ == State::Loading; }
  bool ready() const { return state_ == State::Ready; }
  const std::string& id() const { return id_; }

 private:
  enum class State { Loading, Ready, Over };

  Task<Result<void>> load_as(ContainerPlan plan, model::FunctionVersionPtr version, bool of_function);
  Task<Result<void>> start(ContainerPlan plan, model::FunctionVersionPtr version, bool of_function);
  Task<Result<void>> become_function(ContainerPlan plan, model::FunctionVersionPtr version);
  Task<Result<sandbox::Forked>> order(const Wires& wires, const RunDirectory& directory, int channel);
  Task<Result<sandbox::Forked>> order_in_turn(const Wires& wires, const RunDirectory& directory, int channel);
  Task<Result<std::vector<UniqueFd>>> expect(std::string word, Deadline deadline);
  boost::asio::steady_timer hang_up_at(Deadline deadline);
  void give_up(Error why);

  boost::asio::any_io_executor executor_;
  sandbox::Launcher& sandboxes_;
  const ContainersConfig& config_;
  const std::string id_;
  State state_ = State::Loading;
  Error failure_;  // once it is over
  bool starting_ = false, ordering_ = false, ended_ = false;
  int containers_ = 0;
  Pulse changed_;
  std::unique_ptr<RunDirectory> directory_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  boost::asio::posix::stream_descriptor channel_;
};

}  // namespace bimodal::runtime
