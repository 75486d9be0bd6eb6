// Gets certificates from a CA that speaks ACME (RFC 8555).
//
// Blocking, for threads that may wait; several may obtain() at once. Every wait ends: a request after 30 s, what the CA
// works on after two minutes, everything when stopped.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "acme/answers.h"
#include "acme/fetch.h"
#include "acme/jws.h"
#include "acme/key.h"
#include "acme/problem.h"

namespace bimodal::acme {

struct ClientOptions {
  std::string directory;  // URL, https
  std::string email;      // empty: none is told
  std::optional<ExternalAccount> external;
  std::filesystem::path account_key;  // made with mode 0600 when it doesn't exist
  std::vector<ChallengeType> challenges = {ChallengeType::Http01, ChallengeType::TlsAlpn01, ChallengeType::Dns01};
  // How long certificates shall be valid; 0: as the CA likes. Some CAs refuse to be asked.
  std::chrono::seconds validity{0};
};

struct Issued {
  std::string chain_pem;
  std::string key_pem;  // a secret
};

// Waits that long. False when it was stopped before.
using Pause = std::function<bool(std::chrono::milliseconds, std::stop_token)>;
bool pause(std::chrono::milliseconds span, std::stop_token stop);

class Client {
 public:
  Client(ClientOptions options, Fetch fetch, Answers& answers, Pause wait = pause);

  // A certificate for that one name. Of the challenges that the CA offers and this host can answer, the one at
  // `attempt` modulo their number is tried. `name` satisfies is_name().
  Outcome<Issued> obtain(const std::string& name, int attempt, std::stop_token stop);

 private:
  struct Directory {
    std::string new_nonce, new_account, new_order;
    bool wants_external = false;
  };
  struct Account {
    Key key;
    std::string url;
  };
  struct Step;  // one order under way (client.cc)

  Result<Key> account_key() const;
  Outcome<Directory> directory(std::stop_token stop);
  Outcome<Account> account(const std::string& name, std::stop_token stop);
  Outcome<Account> register_account(const Directory& directory, std::stop_token stop);
  Outcome<std::string> take_nonce(const std::string& new_nonce_url, std::stop_token stop);
  void keep_nonce(const HttpResponse& response);
  Outcome<HttpResponse> post(
      const std::string& name, const Directory& directory, const Account& account, const std::string& url,
      const std::string& payload, std::stop_token stop, const std::string& accept = "");

  const ClientOptions options_;
  const Fetch fetch_;
  Answers& answers_;
  const Pause wait_;
  std::mutex registering_;  // one thread makes the account
  std::mutex mutex_;        // the rest
  std::optional<Directory> directory_;
  std::optional<Account> account_;
  std::deque<std::string> nonces_;
};

}  // namespace bimodal::acme
