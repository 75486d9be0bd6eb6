#include "server/token_commands.h"

#include "control/api_tokens.h"

namespace bimodal::server {

using nlohmann::json;

namespace {

json shown(const store::ApiTokenRow& row) {
  return {
      {"token_id", row.token_id},
      {"name", row.name},
      {"created_at", row.created_at},
      {"expires_at", row.expires_at},
      {"last_used_at", row.last_used_at}};
}

Task<Result<json>> make(control::ApiTokens& tokens, json details) {
  CO_TRY(
      const auto made, co_await tokens.create(details.value("name", ""), details.value("lifetime", std::int64_t{0})));
  json token = shown(made.row);
  token["secret"] = made.secret;
  co_return token;
}

Task<Result<json>> list(control::ApiTokens& tokens) {
  CO_TRY(const auto rows, co_await tokens.list());
  json all = json::array();
  for (const auto& row : rows) all.push_back(shown(row));
  json answer;
  answer["tokens"] = std::move(all);
  co_return answer;
}

Task<Result<json>> revoke(control::ApiTokens& tokens, json details) {
  CO_TRY_VOID(co_await tokens.revoke(details.value("token_id", "")));
  co_return json::object();
}

}  // namespace

void add_token_commands(control::ApiTokens& tokens, Commands& commands) {
  commands["token new"] = [&tokens](json details) { return make(tokens, std::move(details)); };
  commands["token list"] = [&tokens](json) { return list(tokens); };
  commands["token revoke"] = [&tokens](json details) { return revoke(tokens, std::move(details)); };
}

}  // namespace bimodal::server
