// A container in reserve: a sandbox whose Python has imported what every container of its image imports, and waits to
// be told which container it is.
//
// It is forked by a zygote; or, where that can't be, started exactly as a container is, but for the layers of mounts
// and with no secret. become() puts the new root under it and sends the rest; bimodal_runner/standby.py is the other
// side. park() does the same ahead of time: the container then stops where its client would import the user's code
// (bimodal_runner/parking.py) until leave_parking(). One standby becomes one container. Loop-bound. end() must finish
// before destruction, unless become() or leave_parking() has given the body away.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "async/pulse.h"
#include "runtime/body.h"
#include "runtime/zygote.h"

namespace bimodal::runtime {

class Standby : public std::enable_shared_from_this<Standby> {
 public:
  Standby(boost::asio::any_io_executor executor, sandbox::Launcher& sandboxes, const ContainersConfig& config);

  // Starts it for that plan's image, or has `zygote` fork it, and returns when it is ready. FailedPrecondition: it said
  // that it never will be, and why.
  Task<Result<void>> load(ContainerPlan plan, model::FunctionVersionPtr version, std::shared_ptr<Zygote> zygote);

  // Makes it the container of `task_id`, as soon as it is ready. Once. After a failure end() is all that is left.
  Task<Result<Body>> become(ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id);

  // Makes it that container, but for its user's code. As become() otherwise.
  Task<Result<void>> park(ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id);
  // Lets one go on as soon as it is parked, or end()ed; `plan` is what a container of its task id would be started by
  // now. FailedPrecondition when that isn't what it was parked for.
  Task<Result<Body>> leave_parking(ContainerPlan plan, std::string task_id);

  // Kills it and waits until nothing of it is left. May be called while one of those runs: it fails then.
  Task<void> end();

  // Until it ends by itself, or is to become something; `changed` says so.
  bool ready() const { return state_ == State::Ready || state_ == State::Parked; }
  bool parked() const { return state_ == State::Parked; }
  const std::string& id() const { return id_; }
  // Of what it has written; null: it has no body now.
  const RunDirectory* directory() const { return body_.directory.get(); }

  Pulse changed;  // its owner's

 private:
  enum class State { Loading, Ready, Parking, Parked, Leaving, Over };

  Task<Result<void>> start(ContainerPlan plan, model::FunctionVersionPtr version, std::shared_ptr<Zygote> zygote);
  Task<Result<void>> hand_over(
      ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id, bool to_be_parked);
  Task<Result<void>> go_parking(ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id);
  Task<Result<void>> send(std::string bytes, Deadline deadline);
  Task<Result<void>> expect(std::string word, Deadline deadline);
  void watch_end();
  boost::asio::steady_timer hang_up_at(Deadline deadline);
  void hang_up();

  boost::asio::any_io_executor executor_;
  sandbox::Launcher& sandboxes_;
  const ContainersConfig& config_;
  const std::string id_;
  State state_ = State::Loading;
  bool starting_ = false, ending_ = false, ended_ = false;
  Error failure_;
  Pulse loaded_;
  Body body_;
  std::string received_;
  std::string parked_for_;  // fingerprint
  boost::asio::local::stream_protocol::socket channel_;
};

}  // namespace bimodal::runtime
