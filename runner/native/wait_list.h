// The receive() or send() calls of one request that wait, oldest first. Nearly always none or one.
#pragma once

#include <vector>

#include "awaitable.h"

namespace bimodal::runner {

class WaitList {
 public:
  void add(Awaitable& awaitable);     // once, however often it waits
  void remove(Awaitable& awaitable);  // nothing happens when it isn't in the list
  void wake_first_if(bool condition);
  void wake_all();

  int traverse(visitproc visit, void* arg);
  void clear() { waiting_.clear(); }

 private:
  std::vector<Ref> waiting_;
};

}  // namespace bimodal::runner
