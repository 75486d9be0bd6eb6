// A caller who comes for the answer of a call that a daemon before this one still works on, or whose answer it has yet
// to hand on: waits for that, and is sent to come again when it takes as long as edge.redirect_after. Loop-bound.
#pragma once

#include <string>

#include "gateway/kept_answers.h"
#include "gateway/request_id.h"
#include "gateway/routing_table.h"
#include "gateway/traffic.h"
#include "http/caller.h"
#include "http/reactor.h"
#include "http/service.h"

namespace bimodal::gateway {

class LateAnswer final : public http::Poller::Retirable, public http::Responder, private http::TimerWheel::Timer {
 public:
  struct Wanted {
    std::string token, function_id;
    std::string location, origin;  // of another attempt
  };

  class Owner {
   public:
    // Destroys it at the end of the turn.
    virtual void release(LateAnswer& answer) = 0;

   protected:
    ~Owner() = default;
  };

  LateAnswer(
      Owner& owner, http::Reactor& reactor, KeptAnswers& kept, http::Caller& client, const RequestId& id,
      Traffic& traffic, Wanted wanted);
  ~LateAnswer() override;

  // May be over before this returns.
  void start(std::chrono::milliseconds patience);

 private:
  void on_body(std::string_view, http::Part) override {}
  void on_gone() override;
  void on_timeout() override { look(); }

  void look();
  void hand_out(const KeptAnswer& answer);
  http::Caller* part(int status);

  Owner& owner_;
  http::Reactor& reactor_;
  KeptAnswers& kept_;
  http::Caller* client_;  // null: gone, or answered
  const RequestId id_;
  Traffic& traffic_;
  const Wanted wanted_;
  Deadline until_ = Deadline::never();
};

}  // namespace bimodal::gateway
