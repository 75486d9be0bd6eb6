#include <algorithm>
#include <nlohmann/json.hpp>

#include "acme/client.h"
#include "acme/encoding.h"
#include "acme/json_text.h"
#include "acme/names.h"
#include "acme/x509.h"

namespace bimodal::acme {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 2min;  // for an authorization, for an order's certificate
constexpr std::chrono::milliseconds kFirstLook = 200ms, kLongestLook = 5s;
constexpr std::size_t kMaxAuthorizations = 10, kMaxToken = 256;
constexpr const char* kChainType = "application/pem-certificate-chain";

tl::unexpected<Failure> failed(Code code, std::string message) {
  return tl::unexpected(Failure{{code, std::move(message)}, std::nullopt});
}

// Of the characters of base64url (§8.3), for it becomes part of a path.
bool is_token(std::string_view text) {
  auto belongs = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= kMaxToken && std::all_of(text.begin(), text.end(), belongs);
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Why an authorization is invalid: the challenge that failed says it.
std::string reason_in(const json& authorization) {
  for (const json& challenge : authorization.value("challenges", json::array())) {
    if (challenge.is_object() && challenge.contains("error")) return challenge["error"].dump();
  }
  return "";
}

}  // namespace

// One order under way. Every answer of the CA is looked at as if anybody had written it.
struct Client::Step {
  Client& client;
  const std::string& name;
  const int attempt;
  const std::stop_token stop;
  Directory directory;
  Account account;

  struct Answer {
    HttpResponse response;
    json body;
  };

  Outcome<Answer> ask(const std::string& url, const std::string& payload) {
    auto response = client.post(name, directory, account, url, payload, stop);
    if (!response) return tl::unexpected(response.error());
    Answer answer{*std::move(response), {}};
    answer.body = json::parse(answer.response.body, nullptr, /*allow_exceptions=*/false);
    if (answer.body.is_object()) return answer;
    return failed(Code::Unavailable, fmt::format("{}: the CA's answer isn't JSON", name));
  }

  // Asks until `is_final` says so of its status.
  template <typename IsFinal>
  Outcome<json> poll(const std::string& url, const char* what, IsFinal is_final) {
    std::chrono::milliseconds pause = kFirstLook, waited{0};
    while (true) {
      auto answer = ask(url, "");
      if (!answer) return tl::unexpected(answer.error());
      if (is_final(text_in(answer->body, "status"))) return std::move(answer->body);
      if (waited >= kPatience) {
        return failed(Code::DeadlineExceeded, fmt::format("{}: the CA works on its {} for too long", name, what));
      }
      const auto asked = retry_after(answer->response, std::chrono::system_clock::now());
      const std::chrono::milliseconds next = asked ? std::clamp<std::chrono::milliseconds>(*asked, 200ms, 30s) : pause;
      if (!client.wait_(next, stop)) return failed(Code::Cancelled, name + ": stopped");
      waited += next;
      pause = std::min(pause * 2, kLongestLook);
    }
  }

  Outcome<Answer> open_order() {
    json payload = {{"identifiers", {{{"type", "dns"}, {"value", name}}}}};
    if (client.options_.validity > 0s) {
      payload["notAfter"] = rfc3339(std::chrono::system_clock::now() + client.options_.validity);
    }
    auto answer = ask(directory.new_order, payload.dump());
    if (!answer || !answer->response.field("location").empty()) return answer;
    return failed(Code::Unavailable, name + ": the CA gave the order no URL");
  }

  Outcome<Challenge> choose(const json& authorization, std::string& url) {
    const std::string identifier = is_wildcard(name) ? name.substr(2) : name;
    std::vector<std::pair<Challenge, std::string>> possible;
    for (ChallengeType type : client.options_.challenges) {
      const bool fits = type == ChallengeType::Dns01 || !is_wildcard(name);
      if (!fits || !client.answers_.can(type)) continue;
      for (const json& offered : authorization.value("challenges", json::array())) {
        if (text_in(offered, "type") != name_of(type)) continue;
        const std::string token = text_in(offered, "token");
        if (!is_token(token)) continue;
        possible.push_back(
            {{type, identifier, token, token + "." + account.key.thumbprint()}, text_in(offered, "url")});
      }
    }
    if (possible.empty()) {
      const char* remedy = is_wildcard(name) ? "a wildcard needs dns-01: set acme.dns_hook" : "see acme.challenges";
      return failed(
          Code::FailedPrecondition,
          fmt::format("{}: the CA offers no challenge that this host answers; {}", name, remedy));
    }
    auto& chosen = possible[static_cast<std::size_t>(attempt) % possible.size()];
    url = chosen.second;
    return chosen.first;
  }

  Outcome<void> authorize(const std::string& url) {
    auto authorization = ask(url, "");
    if (!authorization) return tl::unexpected(authorization.error());
    if (text_in(authorization->body, "status") == "valid") return {};
    std::string challenge_url;
    auto challenge = choose(authorization->body, challenge_url);
    if (!challenge) return tl::unexpected(challenge.error());
    auto presented = client.answers_.present(*challenge, stop);
    Outcome<void> done;
    if (presented) {
      done = prove(url, challenge_url, *challenge);
    } else {
      done = failed(presented.error().code, fmt::format("{}: {}", name, presented.error().message));
    }
    client.answers_.withdraw(*challenge);
    return done;
  }

  Outcome<void> prove(const std::string& url, const std::string& challenge_url, const Challenge& challenge) {
    auto begun = ask(challenge_url, "{}");
    if (!begun) return tl::unexpected(begun.error());
    auto decided = [](const std::string& status) { return status != "pending" && status != "processing"; };
    auto authorization = poll(url, "authorization", decided);
    if (!authorization) return tl::unexpected(authorization.error());
    if (text_in(*authorization, "status") == "valid") return {};
    Error why = explain(name, reason_in(*authorization), 200);
    why.message = fmt::format("{} [{}]", why.message, name_of(challenge.type));
    return tl::unexpected(Failure{std::move(why), std::nullopt});
  }

  Outcome<void> authorize_all(const json& order) {
    const json urls = order.value("authorizations", json::array());
    if (!urls.is_array() || urls.empty() || urls.size() > kMaxAuthorizations) {
      return failed(Code::Unavailable, name + ": the CA's order has no list of authorizations");
    }
    for (const json& url : urls) {
      if (!url.is_string()) return failed(Code::Unavailable, name + ": the CA's order has no list of authorizations");
      auto done = authorize(url.get<std::string>());
      if (!done) return done;
    }
    return {};
  }

  Outcome<json> settled(const std::string& order_url) {
    auto is_settled = [](const std::string& status) { return status != "pending" && status != "processing"; };
    auto order = poll(order_url, "order", is_settled);
    if (!order || text_in(*order, "status") != "invalid") return order;
    return tl::unexpected(Failure{explain(name, order->value("error", json::object()).dump(), 200), std::nullopt});
  }

  Outcome<Issued> finish(const std::string& order_url) {
    auto order = settled(order_url);
    if (!order) return tl::unexpected(order.error());
    const Key key = Key::make();
    const json payload = {{"csr", base64url(signing_request(key, name))}};
    auto accepted = ask(text_in(*order, "finalize"), payload.dump());
    if (!accepted) return tl::unexpected(accepted.error());
    order = settled(order_url);
    if (!order) return tl::unexpected(order.error());
    auto chain = client.post(name, directory, account, text_in(*order, "certificate"), "", stop, kChainType);
    if (!chain) return tl::unexpected(chain.error());
    return checked({chain->body, key.pem()}, key);
  }

  Outcome<Issued> checked(Issued issued, const Key& key) {
    auto facts = read_chain(issued.chain_pem, key);
    if (!facts) return failed(Code::Unavailable, fmt::format("{}: the CA gave {}", name, facts.error().message));
    const bool named = std::find(facts->names.begin(), facts->names.end(), name) != facts->names.end();
    const bool valid = facts->not_after > std::chrono::system_clock::now() && facts->not_after > facts->not_before;
    if (named && valid) return issued;
    return failed(
        Code::Unavailable,
        fmt::format("{}: the CA gave a certificate {}", name, named ? "that has expired" : "for other names"));
  }
};

Outcome<Issued> Client::obtain(const std::string& name, int attempt, std::stop_token stop) {
  auto known = directory(stop);
  if (!known) return tl::unexpected(known.error());
  auto whose = account(name, stop);
  if (!whose) return tl::unexpected(whose.error());
  Step step{*this, name, attempt, stop, *known, *whose};
  auto order = step.open_order();
  if (!order) return tl::unexpected(order.error());
  auto authorized = step.authorize_all(order->body);
  if (!authorized) return tl::unexpected(authorized.error());
  return step.finish(order->response.field("location"));
}

}  // namespace bimodal::acme
