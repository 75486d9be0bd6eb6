// A CA in memory for tests: speaks just enough of RFC 8555 to give certificates, and fails as it is told to.
//
// It checks what a client must get right: nonces used once, the URL that was signed, the account, a challenge that is
// answered, a request for the name that was ordered. Any thread.
#pragma once

#include <openssl/x509.h>

#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "acme/answers.h"
#include "acme/encoding.h"
#include "acme/fetch.h"
#include "acme/json_text.h"
#include "acme/key.h"
#include "acme/openssl.h"
#include "acme/x509.h"

namespace bimodal::acme {

class FakeCa {
 public:
  explicit FakeCa(Answers& answers) : answers_(answers) {}

  // What is told to fail.
  struct Problem {
    std::string at;    // path of the request, "/new-order"
    std::string type;  // "rateLimited"
    int status = 403;
    std::string retry_after;
  };
  std::deque<Problem> problems;  // the first that fits is taken out
  int bad_nonces = 0;            // so many requests are refused for their nonce
  int slow_looks = 0;            // so many looks at an order find it processing
  bool wants_external = false;
  long valid_seconds = 90 * 24 * 3600;
  std::string other_name;  // issued instead of the one that was asked for
  std::vector<std::string> offered = {"http-01", "tls-alpn-01", "dns-01"};
  std::set<std::string> unreachable;  // kinds of challenges that fail

  // What it saw.
  std::vector<std::string> paths;
  std::vector<std::string> ordered;
  std::vector<std::string> proven;  // kinds of challenges
  nlohmann::json account;

  Fetch fetch() {
    return [this](const HttpRequest& request, std::stop_token) -> Result<HttpResponse> {
      const std::scoped_lock lock(mutex_);
      return answer(request);
    };
  }

 private:
  using json = nlohmann::json;
  static constexpr const char* kBase = "https://ca.test";

  static std::string from_text(const std::string& text) { return from_base64url(text).value_or(""); }

  HttpResponse with_nonce(int status, const json& body) {
    HttpResponse out{.status = status, .fields = {}, .body = body.dump()};
    out.fields["replay-nonce"] = fmt::format("nonce{}", ++nonces_made_);
    nonces_.insert(out.fields["replay-nonce"]);
    return out;
  }

  HttpResponse problem(const std::string& type, int status) {
    return with_nonce(status, {{"type", "urn:ietf:params:acme:error:" + type}, {"detail", "told to say " + type}});
  }

  HttpResponse answer(const HttpRequest& request) {
    const std::string path = request.url.substr(std::string(kBase).size());
    paths.push_back(path);
    for (auto it = problems.begin(); it != problems.end(); ++it) {
      if (it->at != path) continue;
      HttpResponse out = problem(it->type, it->status);
      if (!it->retry_after.empty()) out.fields["retry-after"] = it->retry_after;
      problems.erase(it);
      return out;
    }
    if (path == "/directory") return directory();
    if (request.method == HttpRequest::Method::Head) return with_nonce(200, "");
    const json body = json::parse(request.body);
    const json head = json::parse(from_text(body["protected"]));
    if (nonces_.erase(head["nonce"].get<std::string>()) == 0 || bad_nonces > 0) {
      bad_nonces = std::max(0, bad_nonces - 1);
      return problem("badNonce", 400);
    }
    if (head["url"] != request.url) return problem("unauthorized", 401);
    if (path == "/new-account" ? !head.contains("jwk") : head.value("kid", "") != std::string(kBase) + "/account") {
      return problem("accountDoesNotExist", 400);
    }
    return act(path, from_text(body["payload"]), head);
  }

  HttpResponse directory() {
    json out = {
        {"newNonce", std::string(kBase) + "/new-nonce"},
        {"newAccount", std::string(kBase) + "/new-account"},
        {"newOrder", std::string(kBase) + "/new-order"},
        {"meta", {{"externalAccountRequired", wants_external}}}};
    return {.status = 200, .fields = {}, .body = out.dump()};
  }

  HttpResponse act(const std::string& path, const std::string& payload, const json& head) {
    const json said = payload.empty() ? json() : json::parse(payload);
    if (path == "/new-account") {
      account = said;
      thumbprint_ = base64url(sha256(head["jwk"].dump()));
      HttpResponse out = with_nonce(201, {{"status", "valid"}});
      out.fields["location"] = std::string(kBase) + "/account";
      return out;
    }
    if (path == "/new-order") return new_order(said);
    const std::size_t slash = path.rfind('/');
    Order& order = orders_.at(std::stoul(path.substr(slash + 1)));
    const std::string kind = path.substr(1, slash - 1);
    if (kind == "authorization") return with_nonce(200, authorization(order));
    if (kind == "order") return with_nonce(200, order_body(order));
    if (kind == "finalize") return finalize(order, from_text(said["csr"]));
    if (kind == "certificate") {
      HttpResponse out = with_nonce(200, "");
      out.body = order.chain;
      return out;
    }
    prove(order, kind);
    return with_nonce(200, {{"status", "processing"}});
  }

  struct Order {
    std::size_t number;
    std::string name;
    std::string state = "pending", authorization = "pending", chain;
  };

  HttpResponse new_order(const json& said) {
    Order order{.number = orders_.size(), .name = said["identifiers"][0]["value"]};
    ordered.push_back(order.name);
    orders_.push_back(order);
    HttpResponse out = with_nonce(201, order_body(orders_.back()));
    out.fields["location"] = fmt::format("{}/order/{}", kBase, order.number);
    return out;
  }

  std::string url(const char* kind, const Order& order) { return fmt::format("{}/{}/{}", kBase, kind, order.number); }

  json order_body(Order& order) {
    std::string status = order.state;
    if (status != "pending" && slow_looks > 0) {
      --slow_looks;
      status = "processing";
    }
    json out = {
        {"status", status}, {"authorizations", {url("authorization", order)}}, {"finalize", url("finalize", order)}};
    if (order.state == "valid") out["certificate"] = url("certificate", order);
    return out;
  }

  json authorization(const Order& order) {
    json challenges = json::array();
    for (const std::string& kind : offered) {
      json one = {{"type", kind}, {"token", fmt::format("token{}", order.number)}, {"url", url(kind.c_str(), order)}};
      if (order.authorization == "invalid") {
        one["error"] = {{"type", "urn:ietf:params:acme:error:connection"}, {"detail", "refused"}};
      }
      challenges.push_back(one);
    }
    return {{"status", order.authorization}, {"challenges", challenges}};
  }

  void prove(Order& order, const std::string& kind) {
    proven.push_back(kind);
    const std::string expected = fmt::format("token{}.{}", order.number, thumbprint_);
    bool answered = kind == "dns-01";
    if (kind == "http-01") answered = answers_.http(fmt::format("token{}", order.number)) == expected;
    if (kind == "tls-alpn-01") answered = answers_.tls(order.name) != nullptr;
    if (unreachable.contains(kind)) answered = false;
    order.authorization = answered ? "valid" : "invalid";
    order.state = answered ? "ready" : "invalid";
  }

  HttpResponse finalize(Order& order, const std::string& csr) {
    if (order.state != "ready") return problem("orderNotReady", 403);
    const auto* at = reinterpret_cast<const unsigned char*>(csr.data());
    const OwnedRequest request(d2i_X509_REQ(nullptr, &at, static_cast<long>(csr.size())));
    const bool right = request && X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())) == 1;
    if (!right) return problem("badCSR", 400);
    order.chain =
        issue(X509_REQ_get0_pubkey(request.get()), other_name.empty() ? order.name : other_name, valid_seconds);
    order.state = "valid";
    return with_nonce(200, order_body(order));
  }

 public:
  // A certificate of this CA in PEM.
  static std::string issue(EVP_PKEY* key, const std::string& name, long valid_seconds) {
    static const Key own = Key::make();
    const OwnedCertificate made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 2);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), valid_seconds < 0 ? 2 * valid_seconds : 0);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), valid_seconds);
    X509_set_pubkey(made.get(), key);
    const std::string value = "DNS:" + name;
    const OwnedExtension names(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, value.c_str()));
    X509_add_ext(made.get(), names.get(), -1);
    X509_sign(made.get(), own.handle(), EVP_sha256());
    const OwnedBio out = writer();
    PEM_write_bio_X509(out.get(), made.get());
    return text_of(out);
  }

 private:
  Answers& answers_;
  std::mutex mutex_;
  std::set<std::string> nonces_;
  int nonces_made_ = 0;
  std::vector<Order> orders_;
  std::string thumbprint_;
};

}  // namespace bimodal::acme
