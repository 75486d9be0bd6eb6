// What is published right now, in memory: every app's functions, and the hosts that lead to them. Loop-bound.
//
// The database is the truth; Control fills this from it at start and after each publish and stop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/pulse.h"
#include "model/model.h"

namespace bimodal::control {

// A function with schedule=.
struct ScheduledFunction {
  std::string function_id;
  std::string tag;
  std::string schedule;  // serialized modal.client.Schedule
};

struct PublishedApp {
  std::string app_id;
  std::string name;  // as shown to users
  std::string environment_id;
  bool ephemeral = false;
  bool stopped = false;
  double published_at = 0;  // Unix seconds
  double deployed_at = 0;   // the same, of what is served: a staged version doesn't change it
  std::vector<model::FunctionVersionPtr> functions;
  std::vector<ScheduledFunction> scheduled;
};

struct HostOwner {
  std::string app_id;
  std::string name;
};

// Which hosts an app can't have. A wildcard takes every name that it stands for, but for those that somebody had
// before.
struct TakenHosts {
  std::map<std::string, HostOwner> others;  // host -> the other deployed app
  std::set<std::string> held;               // by this app already

  // Whose `host` is; null: it is free.
  const HostOwner* owner_of(const std::string& host) const;
};

class Registry {
 public:
  explicit Registry(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  void put(PublishedApp app);  // replaces the one of that id
  void remove(const std::string& app_id) { apps_.erase(app_id); }
  void mark_stopped(const std::string& app_id);  // its hosts answer "stopped" from now on

  const PublishedApp* find(const std::string& app_id) const;
  std::vector<PublishedApp> running() const;                                 // by id, stopped ones apart
  model::FunctionVersionPtr function(const std::string& function_id) const;  // null when not published, or stopped

  // Those of running deployed apps other than `app_id`.
  TakenHosts hosts_taken_from(const std::string& app_id) const;
  // Who answers at `host`, stopped apps apart.
  const PublishedApp* owner(const std::string& host) const;
  // One route for each host. A deployed app is preferred to an ephemeral one, a newer one to an older, a stopped one
  // is last.
  std::vector<model::Route> routes() const;

  // Notified whenever an app was published or stopped, an unpublished one included.
  Pulse& changed() { return changed_; }

 private:
  std::map<std::string, PublishedApp> apps_;
  Pulse changed_;
};

}  // namespace bimodal::control
