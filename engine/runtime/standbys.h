// The containers in reserve: a stock for each app and image (and network, limits and user), `max_standbys` of them.
//
// A stock's containers are forked by its zygote: `standby_ready` of them wait, and a start that finds none has one
// forked. Where an image's processes can't be forked, its stock is one container, loaded by itself. Zygotes and such
// containers are loaded one at a time, in the background. A start takes what fits, even while that still loads: the
// rest of its way is shorter than a start from the beginning.
//
// For the function of which a container was started last, one of each stock is parked besides: it has become that
// function's container already, but for the user's code. What starts while none is parked takes one that waits, and
// while none does, is forked by a zygote of that function, where the function allows it. Loop-bound; close() must
// finish before destruction.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/pulse.h"
#include "async/scope.h"
#include "runtime/disk_guard.h"
#include "runtime/live_container.h"
#include "runtime/standby.h"
#include "runtime/zygote.h"

namespace bimodal::runtime {

class Standbys {
 public:
  explicit Standbys(Surroundings& surroundings);

  void expect(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions);  // as Containers::expect()
  void dismiss(const std::string& app_id);
  // A container of that version was started: makes up for the one that it took. Nothing for an app that isn't expected.
  void want(model::FunctionVersionPtr version);

  // One that fits, for good; null when there is none.
  std::shared_ptr<Standby> take(
      const model::FunctionVersionPtr& version, const ContainerPlan& plan, const std::string& task_id);
  // The task id of one that is parked, or about to be, for that version; it is the caller's then. "" when there is
  // none.
  std::string claim(const model::FunctionVersionPtr& version);
  // The one that was claimed by that id, for good; null: it has been given up since.
  std::shared_ptr<Standby> take_parked(const std::string& task_id);
  // One that was taken has become the container.
  void release(const std::shared_ptr<Standby>& standby);
  // Ends one that was taken and couldn't.
  void discard(std::shared_ptr<Standby> standby);

  // The host is short of room: parked ones go, and for a while there are none.
  void give_way();
  // Of parked ones, in which code of the user's may have run: what they have written, and the end of one.
  std::vector<DiskUser> disk_users() const;
  void end_parked(const std::string& task_id, const std::string& why);

  std::vector<StandbyInfo> list() const;
  Task<void> close();

 private:
  struct FunctionZygote {
    model::FunctionVersionPtr version;
    std::shared_ptr<Zygote> zygote;
    std::string fingerprint;  // of what it has become
  };
  struct Stock {
    std::string key, app_id;
    ContainerPlan plan;  // of each container, without what is an app's
    model::FunctionVersionPtr version;
    std::shared_ptr<Zygote> zygote;                // null: its containers are loaded one by one
    FunctionZygote function;                       // null: there is none
    model::FunctionVersionPtr last;                // whose container was started last
    std::deque<std::shared_ptr<Standby>> waiting;  // oldest first; the last may still load
    Deadline idle_until = Deadline::never();
    bool urgent = false;  // a start waits for it
    bool filling = false;
  };
  using StockPtr = std::shared_ptr<Stock>;
  struct Parked {
    std::string key, task_id;
    std::shared_ptr<Standby> standby;
    model::FunctionVersionPtr version;
    Deadline idle_until = Deadline::never();
    bool claimed = false;
  };
  struct Setback {
    int failures = 0;
    Deadline until = Deadline::never();  // no further attempt before
  };

  Task<void> expect_all(std::string app_id, std::vector<model::FunctionVersionPtr> versions);
  Task<void> want_one(model::FunctionVersionPtr version);
  Deadline after_starts(Deadline latest) const;
  struct Prepared {
    std::string key;  // "": there can be none
    bool parkable = false;
  };
  Task<Prepared> prepare(model::FunctionVersionPtr version);
  StockPtr add_stock(std::string key, ContainerPlan plan, model::FunctionVersionPtr version);
  Task<void> keep(StockPtr stock);
  Task<void> load_zygote(StockPtr stock);
  Task<void> fill(StockPtr stock);
  Task<Result<void>> load(StockPtr stock, std::shared_ptr<Standby> standby);
  Task<void> keep_waiting(StockPtr stock, std::shared_ptr<Standby> standby);
  Task<void> load_taken(StockPtr stock, std::shared_ptr<Standby> standby);
  Task<void> wait_for_turn(StockPtr stock);
  Task<void> end(std::shared_ptr<Standby> standby);
  Task<void> end_zygote(std::shared_ptr<Zygote> zygote);
  // These are about parked ones: standbys_parking.cc.
  void wish_parked(const std::string& key, model::FunctionVersionPtr version);
  void park_if_ready(const std::string& key);
  Task<void> keep_parked(std::string task_id, std::shared_ptr<Standby> standby, model::FunctionVersionPtr version);
  Task<Result<void>> park(std::string task_id, std::shared_ptr<Standby> standby, model::FunctionVersionPtr version);
  Task<Result<void>> stay_parked(std::string task_id, std::shared_ptr<Standby> standby);
  void note_unparked(const model::FunctionVersion& version, const Error& why);
  bool may_park(const model::FunctionVersion& version) const;
  // These are about zygotes of functions: standbys_functions.cc.
  void wish_function(const std::string& key, model::FunctionVersionPtr version, bool at_once);
  Task<void> load_function(StockPtr stock, std::shared_ptr<Zygote> zygote);
  bool forks_function(Stock& stock, const model::FunctionVersionPtr& version, const std::string& fingerprint);
  std::shared_ptr<Standby> fork_function(StockPtr stock);
  Task<void> load_forked(StockPtr stock, std::shared_ptr<Standby> standby, std::shared_ptr<Zygote> zygote);
  void drop_function(Stock& stock);
  void drop_parked(std::string task_id);
  void drop_parked_of(const std::string& app_id, const std::vector<model::FunctionVersionPtr>& but);

  std::shared_ptr<Standby> make();
  std::size_t wanted(const Stock& stock) const;
  void note_unforked(const Stock& stock, const Error& why);
  bool may_try(const std::string& key);
  void set_back(const Stock& stock, const Error& why);
  void say(const Stock& stock, const std::string& line);
  bool holds(const StockPtr& stock) const;
  void drop(StockPtr stock);
  void make_room();

  Surroundings& surroundings_;
  std::set<std::string> apps_;                       // that are served
  std::map<model::FunctionVersionPtr, int> wanted_;  // starts that are about to be made up for
  Deadline::Clock::time_point last_start_;
  std::map<std::string, StockPtr> stocks_;
  std::map<std::string, Parked> parked_;                     // by task id
  std::map<std::string, model::FunctionVersionPtr> wishes_;  // whom the next one of that key is parked for
  std::map<std::string, Setback> unparked_;                  // definitions: those parked in vain since one was used
  std::set<std::string> unforkable_;                         // definitions that said no to zygotes; as many
  std::set<std::shared_ptr<Standby>> alive_;                 // those, and what was taken or is being ended
  std::set<std::shared_ptr<Zygote>> zygotes_;
  std::map<std::string, Setback> setbacks_;
  std::map<std::string, std::string> unforked_;  // keys of what can't be forked, and why
  Deadline parking_from_ = Deadline::after({});  // not before
  static constexpr std::size_t kMaxSetbacks = 1'000;
  bool loading_ = false;
  bool closed_ = false;
  Pulse changed_;
  Scope scope_;
};

}  // namespace bimodal::runtime
