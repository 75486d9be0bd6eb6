#include "http/caller.h"

namespace bimodal::http {

void Caller::reply(int status, std::span<const Field> fields, std::string_view body) {
  ResponseHead head{.status = status, .fields = fields, .extra = {}, .body_size = body.size()};
  if (!begin_response(head)) return abort();
  write(body);
  finish();
}

}  // namespace bimodal::http
