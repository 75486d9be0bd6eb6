// What an Exchange does only for a tunnel: the switch. From there on it is a request and a response without an end.
#include "gateway/exchange.h"
#include "gateway/front.h"

namespace bimodal::gateway {

bool Exchange::on_switch(std::string_view protocol, const wire::Headers& headers) {
  if (tunnel_ != Tunnel::Asked) return false;
  if (!client_) return true;  // gone meanwhile, which the link was told
  std::vector<http::Field>& fields = front_.field_scratch();
  fields.clear();
  for (const wire::Header& header : headers) fields.push_back({header.name, header.value});
  const http::Field extra[] = {{kRequestIdHeader, text_of(id_)}};
  if (!client_->switch_protocols(protocol, fields, extra)) return false;
  tunnel_ = Tunnel::Open;
  body_ended_ = false;
  granted_ = 0;
  pump_upload();
  return true;
}

}  // namespace bimodal::gateway
