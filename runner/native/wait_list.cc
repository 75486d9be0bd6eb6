#include "wait_list.h"

#include <algorithm>

namespace bimodal::runner {

void WaitList::add(Awaitable& awaitable) {
  PyObject* object = object_of(&awaitable);
  for (const Ref& waiting : waiting_) {
    if (waiting.get() == object) return;
  }
  waiting_.push_back(Ref::borrow(object));
}

void WaitList::remove(Awaitable& awaitable) {
  PyObject* object = object_of(&awaitable);
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Ref& waiting) { return waiting.get() == object; });
  if (found == waiting_.end()) return;
  Ref removed = std::move(*found);
  waiting_.erase(found);
}

void WaitList::wake_first_if(bool condition) {
  if (condition && !waiting_.empty()) Object<Awaitable>::of(waiting_.front().get()).wake();
}

void WaitList::wake_all() {
  // A copy: waking runs Python code.
  std::vector<Ref> waiting;
  for (const Ref& one : waiting_) waiting.push_back(Ref::borrow(one.get()));
  for (const Ref& one : waiting) Object<Awaitable>::of(one.get()).wake();
}

int WaitList::traverse(visitproc visit, void* arg) {
  for (const Ref& waiting : waiting_) Py_VISIT(waiting.get());
  return 0;
}

}  // namespace bimodal::runner
