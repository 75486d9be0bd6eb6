#include "fork.h"

#include "courier.h"
#include "wire/zygote.h"

namespace bimodal::runner {

PyObject* fork_container(PyObject*, PyObject* args) {
  wire::ForkOrder order;
  if (!PyArg_ParseTuple(args, "iiiii", &order.out, &order.err, &order.listener, &order.channel, &order.gate)) {
    return nullptr;
  }
  PyOS_BeforeFork();
  const int pidfd = wire::fork_container(order);
  if (pidfd == wire::kInContainer) {
    PyOS_AfterFork_Child();
    renew_courier();
    return none();
  }
  PyOS_AfterFork_Parent();
  return pidfd < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(pidfd);
}

}  // namespace bimodal::runner
