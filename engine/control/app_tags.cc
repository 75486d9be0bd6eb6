#include "control/app_tags.h"

#include <algorithm>

#include "control/app_records.h"
#include "store/tag_table.h"

namespace bimodal::control {
namespace {

using store::Transaction;

constexpr std::size_t kMostTags = 64;
constexpr std::size_t kLongestWord = 63;

bool is_word(const std::string& text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= kLongestWord && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

Result<void> write_tags(
    Transaction& transaction, const std::string& app_id, const google::protobuf::Map<std::string, std::string>& tags) {
  if (tags.size() > kMostTags) {
    return error(Code::InvalidArgument, "{} tags are too many for app {}: at most {}", tags.size(), app_id, kMostTags);
  }
  for (const auto& [key, value] : tags) {
    if (is_word(key) && is_word(value)) continue;
    return error(
        Code::InvalidArgument, "'{}={}' can't be a tag: both sides have 1 to {} of A-Z, a-z, 0-9, '-', '_', '.'", key,
        value, kLongestWord);
  }
  return store::TagTable(transaction).replace(app_id, {tags.begin(), tags.end()});
}

AppTags::AppTags(Context& context, rpc::Service& service) : context_(context) {
  service.query("AppGetTags", this, &AppTags::get);
  service.mutation("AppSetTags", this, &AppTags::set);
}

Task<Result<api::AppGetTagsResponse>> AppTags::get(rpc::Call call, api::AppGetTagsRequest request) {
  auto work = [app_id = request.app_id()](Transaction& transaction) -> Result<store::Tags> {
    TRY_VOID(require_app(transaction, app_id));
    return store::TagTable(transaction).of(app_id);
  };
  CO_TRY(const auto tags, co_await context_.transact(std::move(work)));
  api::AppGetTagsResponse response;
  response.mutable_tags()->insert(tags.begin(), tags.end());
  co_return response;
}

Task<Result<rpc::Empty>> AppTags::set(rpc::Call call, api::AppSetTagsRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<void> {
    TRY_VOID(require_running_app(transaction, request.app_id()));
    return write_tags(transaction, request.app_id(), request.tags());
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return rpc::Empty();
}

}  // namespace bimodal::control
