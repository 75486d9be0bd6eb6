// The client's protocol, under the short name that this module uses.
#pragma once

#include "modal_client/api.pb.h"

namespace bimodal::control {
namespace api = modal::client;
}
