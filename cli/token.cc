#include "cli/token.h"

#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/daemon.h"
#include "server/commands.h"

namespace bimodal::cli {
namespace {

using nlohmann::json;

std::string date_of(std::int64_t seconds, const char* otherwise) {
  if (seconds == 0) return otherwise;
  const std::time_t at = seconds;
  std::tm parts{};
  ::gmtime_r(&at, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

// Where other hosts find the API, too, if they can.
std::string remote_url(const server::DaemonInfo& info) {
  if (info.https.empty()) return api_url(info);
  const std::string port = info.https.substr(info.https.rfind(':'));
  return "https://api." + info.base_domain + (port == ":443" ? "" : port);
}

}  // namespace

bool is_token_command(const std::string& word) {
  return word == "new" || word == "list" || word == "revoke";
}

Result<int> new_token(
    const Settings& settings, const std::string& name, std::chrono::milliseconds lifetime, TokenFormat format) {
  const auto& home = settings.daemon.home;
  TRY(const server::DaemonInfo info, server::read_daemon_info(home));
  json details = {{"name", name}, {"lifetime", std::chrono::duration_cast<std::chrono::seconds>(lifetime).count()}};
  TRY(const json token, server::give_command(home, "token new", std::move(details)));
  if (format == TokenFormat::Json) {
    std::cout << token.dump(2) << std::endl;
    return 0;
  }
  const std::string id = token.value("token_id", ""), secret = token.value("secret", "");
  std::cout << fmt::format(
      "token    {}\nsecret   {}\nexpires  {}\n\nThe secret isn't shown again. On the machine that is to use it:\n"
      "  export MODAL_SERVER_URL={}\n  modal token set --token-id {} --token-secret {}\n",
      id, secret, date_of(token.value("expires_at", std::int64_t{0}), "never"), remote_url(info), id, secret);
  return 0;
}

Result<int> list_tokens(const Settings& settings, TokenFormat format) {
  TRY(const json answer, server::give_command(settings.daemon.home, "token list", json::object()));
  const json tokens = answer.value("tokens", json::array());
  if (format == TokenFormat::Json) {
    std::cout << tokens.dump(2) << std::endl;
    return 0;
  }
  std::cout << fmt::format("{:<27}{:<21}{:<21}{:<21}name\n", "token", "made (UTC)", "expires", "last used");
  for (const json& token : tokens) {
    std::cout << fmt::format(
        "{:<27}{:<21}{:<21}{:<21}{}\n", token.value("token_id", ""),
        date_of(token.value("created_at", std::int64_t{0}), ""),
        date_of(token.value("expires_at", std::int64_t{0}), "never"),
        date_of(token.value("last_used_at", std::int64_t{0}), "never"), token.value("name", ""));
  }
  return 0;
}

Result<int> revoke_token(const Settings& settings, const std::string& token_id) {
  json details = {{"token_id", token_id}};
  TRY_VOID(server::give_command(settings.daemon.home, "token revoke", std::move(details)));
  return 0;
}

}  // namespace bimodal::cli
