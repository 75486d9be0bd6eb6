// What a browser shows that was pointed at the web address itself, which is no function's.
#pragma once

#include "gateway/request_id.h"
#include "http/caller.h"
#include "http/request_head.h"

namespace bimodal::gateway {

// Whether `head` asks for "/" at an address or a bare name ("127.0.0.1:8080", "localhost"), where no function can be.
bool is_for_front_page(const http::RequestHead& head);

// Says what answers here and where functions are found, and names none of them: whoever reaches the port may read it.
void reply_front_page(http::Caller& client, const RequestId& id);

}  // namespace bimodal::gateway
