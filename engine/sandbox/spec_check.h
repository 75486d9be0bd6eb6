// Refuses a Spec that can't work, by the name of the field, before anything is made.
#pragma once

#include "base/result.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

Result<void> check_spec(const Spec& spec);

// The same for its volumes alone.
Result<void> check_volumes(const Spec& spec);

}  // namespace bimodal::sandbox
