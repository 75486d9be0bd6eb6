// fork_container(): what a zygote calls for an order. See wire/zygote.h.
#pragma once

#include "py.h"

namespace bimodal::runner {

// Arguments: the five descriptors of an order. Returns a pidfd in the zygote and None in the container; raises OSError.
PyObject* fork_container(PyObject* module, PyObject* args);

}  // namespace bimodal::runner
