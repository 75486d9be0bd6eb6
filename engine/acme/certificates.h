// The certificates of the names that this host answers for: found, obtained on first use, renewed before they end.
//
// Any thread may call any method. Orders run on threads of its own, kWorkers at once and one for each name; nothing is
// ever asked for a name that isn't owned. What fails is tried again later and later (back_off()), over restarts too.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "acme/certificate.h"
#include "acme/client.h"
#include "acme/vault.h"

namespace bimodal::acme {

// How an owned name, or one that has a certificate, stands.
struct NameState {
  enum class Phase { Unused, Ordering, Valid, Failing };
  std::string name;  // of the certificate
  Phase phase = Phase::Unused;
  std::optional<Time> expires_at;
  std::optional<Time> retry_at;
  std::string reason;  // of the last failure
};
std::string_view name_of(NameState::Phase phase);  // "valid"

class Certificates {
 public:
  static constexpr int kWorkers = 4;
  static constexpr std::size_t kMaxWaiters = 1024;  // for one name; further ones get none

  // Blocking; called on the workers. As Client::obtain().
  using Obtain = std::function<Outcome<Issued>(const std::string& name, int attempt, std::stop_token stop)>;
  // Null: there is none, and won't be soon. Called once; must not block.
  using Done = std::function<void(CertificatePtr)>;

  struct Options {
    std::filesystem::path directory;
    std::string base_domain;  // ordinary names are directly below it
    bool wildcards = false;   // DNS-01 is possible: one certificate for all ordinary names, and for wildcard domains
    std::function<Time()> now = [] { return std::chrono::system_clock::now(); };
  };

  // Reads what there is.
  Certificates(Options options, Obtain obtain);
  ~Certificates();  // stop()

  // Orders and renews from now on. Until then, and after stop(), only what there is is found.
  void start();
  // Ends orders that run, which begin anew another time, and waits for that. Who waits gets nothing.
  void stop();

  // The names that apps, and this host, answer for from now on; "*.example.com" stands for one label. Lower case.
  void own(std::set<std::string> names);

  // The one to show for `server_name`, which has not ended. Null when there is none.
  CertificatePtr find(std::string_view server_name) const;
  // Whether one is being got for `server_name`, now or with this call: its first use. Then `done` is called on a
  // worker. False for names that have one, that nobody owns, that need DNS-01 which isn't possible, or whose last try
  // failed a short while ago.
  bool request(std::string_view server_name, const Done& done);
  // The one to show, once there is one; calls `done` in any case.
  void obtain(std::string_view server_name, const Done& done);

  std::vector<NameState> states() const;
  // The name of the certificate that serves `name`, which may be a wildcard; empty when none ever will.
  std::string certificate_for(std::string_view name) const;

  // Looks at the clock again, for tests that turn it.
  void wake();

 private:
  struct Record {
    CertificatePtr certificate;
    bool wanted = false;
    bool running = false;
    Attempts attempts;
    std::vector<Done> waiters;
  };

  std::string certificate_name(std::string_view name) const;
  bool is_owned(const std::string& certificate) const;
  CertificatePtr valid(const std::string& certificate) const;
  std::optional<Time> due(const std::string& name, const Record& record) const;
  std::pair<std::string, std::optional<Time>> next() const;
  void work(std::stop_token stop);
  void order(const std::string& name, Attempts attempts, CertificatePtr current, std::stop_token stop);
  void notify();
  Outcome<CertificatePtr> read(const std::string& name, const Outcome<Issued>& issued) const;
  Attempts after(const std::string& name, Attempts attempts, const Failure& why, const CertificatePtr& current) const;
  void end_order(const std::string& name, const CertificatePtr& fresh, Attempts attempts);
  NameState state_of(const std::string& name, const Record& record) const;

  const Options options_;
  const Obtain obtain_;
  const Vault vault_;
  mutable std::mutex mutex_;
  std::condition_variable_any woken_;
  std::uint64_t changes_ = 0;  // that workers look at
  std::set<std::string> owned_;
  std::map<std::string, Record> records_;
  bool started_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace bimodal::acme
