// Serves the gateway in the place of a runner, for a container whose client takes web requests by its own path: accepts
// the gateway's connections, keeps the requests until the client asks for inputs, and finds them by their ids.
// Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "base/unique_fd.h"
#include "runtime/containers.h"
#include "runtime/web_request.h"

namespace bimodal::runtime {

class WebBridge {
 public:
  // `changed` is called when a request came or was cancelled. Connections are tasks of `scope`, which must be closed
  // before this goes.
  WebBridge(boost::asio::any_io_executor executor, Scope& scope, std::function<void()> changed);
  ~WebBridge();

  // Takes a connection of the gateway over; it is greeted for that task.
  void adopt(UniqueFd connection, std::string task_id);

  // The request that waits longest for the container, now with the container; null when none waits.
  std::shared_ptr<WebRequest> take();
  // One that is with the container; null when there is none.
  std::shared_ptr<WebRequest> find(const std::string& call_id) const;
  // Ends the request of that input. False when there is none.
  bool end(const std::string& input_id, const std::string& failure);
  // Inputs that outlived their function's timeout since the last call: the client is to cancel them.
  std::vector<std::string> take_timed_out();

  bool is_idle() const { return taken_.empty() && waiting_.empty(); }

 private:
  class Connection;
  void add(std::shared_ptr<WebRequest> request);
  void cancel(const std::shared_ptr<WebRequest>& request, std::uint32_t reason);
  bool close(const std::shared_ptr<WebRequest>& request, std::uint32_t code);
  void drop_if_waiting(const std::shared_ptr<WebRequest>& request);

  boost::asio::any_io_executor executor_;
  Scope& scope_;
  std::function<void()> changed_;
  std::deque<std::shared_ptr<WebRequest>> waiting_;           // as many as the gateway has slots
  std::map<std::string, std::shared_ptr<WebRequest>> taken_;  // by call id
  std::vector<std::string> timed_out_;
};

}  // namespace bimodal::runtime
