// What an Exchange does only for a tunnel: the switch. From there on it is a request and a response without an end.
#include "gateway/exchange.h"
#include "gateway/front.h"
#include "http/chars.h"

namespace bimodal::gateway {

bool Exchange::on_switch(std::string_view protocol, const wire::Headers& headers) {
  if (tunnel_ != Tunnel::Asked) return false;
  if (!client_) return true;  // gone meanwhile, which the link was told
  forget_opening();
  std::vector<http::Field>& fields = front_.field_scratch();
  fields.clear();
  for (const wire::Header& header : headers) fields.push_back({header.name, header.value});
  const http::Field extra[] = {{kRequestIdHeader, text_of(id_)}};
  if (!client_->switch_protocols(protocol, fields, extra)) return false;
  tunnel_ = Tunnel::Open;
  count_answer(101);
  body_ended_ = false;
  granted_ = 0;
  pump_upload();
  return true;
}

// A WSGI application has answered on the socket that it was given.
void Exchange::on_runner_switch(const wire::ResponseHead& head, std::string_view body, http::Part part) {
  std::string_view protocol;
  for (const wire::Header& header : head.headers) {
    if (http::equals_ignoring_case(header.name, "upgrade")) protocol = header.value;
  }
  if (on_switch(protocol, head.headers)) return on_response_body(body, part);
  fail(invalid_response());
  cancel(CancelReason::CallerGone);
}

}  // namespace bimodal::gateway
