// Keeps the state as it is while another process may have it. Each function blocks.
#pragma once

#include "store/database.h"

namespace bimodal::store {

// Transactions that write fail with Unavailable from now on; others go on.
Result<void> freeze(Database& database);
Result<void> thaw(Database& database);

}  // namespace bimodal::store
