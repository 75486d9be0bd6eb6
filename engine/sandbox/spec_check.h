// Refuses a Spec that can't work, by the name of the field, before anything is made.
#pragma once

#include "base/result.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

Result<void> check_spec(const Spec& spec);

}  // namespace bimodal::sandbox
