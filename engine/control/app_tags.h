// AppGetTags and AppSetTags: words that users attach to their apps. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

// Writes them in place of those that the app has. At most 64; keys and values have 1–63 of A-Z, a-z, 0-9, '-', '_' and
// '.' (the client's rule): InvalidArgument names the one that hasn't.
Result<void> write_tags(
    store::Transaction& transaction, const std::string& app_id,
    const google::protobuf::Map<std::string, std::string>& tags);

class AppTags {
 public:
  AppTags(Context& context, rpc::Service& service);

 private:
  Task<Result<api::AppGetTagsResponse>> get(rpc::Call call, api::AppGetTagsRequest request);
  Task<Result<rpc::Empty>> set(rpc::Call call, api::AppSetTagsRequest request);

  Context& context_;
};

}  // namespace bimodal::control
