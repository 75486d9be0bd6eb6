// The thread that writes held answers whose own threads are busy with something else, however long that takes them.
//
// It is started by the first answer that is held, lives as long as the process, and sleeps without a timer while
// nothing is held. It knows nothing of Python: no application can keep it out.
#pragma once

#include <memory>

namespace bimodal::runner {

class HeldOutput;

// Has the thread look after `held` for as long as something waits there. False: there can be no such thread, and
// nothing may be held. Under the interpreter's lock.
bool look_after(const std::shared_ptr<HeldOutput>& held);

// In the child of a fork, which has no such thread yet.
void renew_courier();

}  // namespace bimodal::runner
