#include "acme/certificates.h"

#include <algorithm>

#include "acme/names.h"
#include "base/log.h"

namespace bimodal::acme {

using namespace std::chrono_literals;

namespace {

constexpr auto kKeptAfterEnd = 30 * 24h;
// Between looks at the clock while nothing is due: it may be set, and names end.
constexpr std::chrono::milliseconds kLongestNap = 60s;

void call_all(std::vector<Certificates::Done> waiters, const CertificatePtr& certificate) {
  for (auto& done : waiters) done(certificate);
}

}  // namespace

std::string_view name_of(NameState::Phase phase) {
  switch (phase) {
    case NameState::Phase::Unused:
      return "unused";
    case NameState::Phase::Ordering:
      return "ordering";
    case NameState::Phase::Valid:
      return "valid";
    case NameState::Phase::Failing:
      return "failing";
  }
  return "";
}

Certificates::Certificates(Options options, Obtain obtain)
    : options_(std::move(options)), obtain_(std::move(obtain)), vault_(options_.directory) {
  Vault::Content found = vault_.load(options_.now() - kKeptAfterEnd);
  for (auto& [name, certificate] : found.certificates) {
    records_[name].certificate = std::move(certificate);
    records_[name].wanted = true;
  }
  for (auto& [name, attempts] : found.attempts) {
    records_[name].attempts = std::move(attempts);
    records_[name].wanted = true;
  }
}

Certificates::~Certificates() {
  stop();
}

void Certificates::start() {
  const std::scoped_lock lock(mutex_);
  if (std::exchange(started_, true)) return;
  for (int i = 0; i < kWorkers; ++i) workers_.emplace_back([this](std::stop_token stop) { work(stop); });
}

void Certificates::stop() {
  std::vector<std::jthread> ending;
  {
    const std::scoped_lock lock(mutex_);
    started_ = false;
    ending = std::move(workers_);
    workers_.clear();
  }
  for (std::jthread& worker : ending) worker.request_stop();
  ending.clear();
  std::vector<Done> waiters;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [name, record] : records_) {
      std::move(record.waiters.begin(), record.waiters.end(), std::back_inserter(waiters));
      record.waiters.clear();
    }
  }
  call_all(std::move(waiters), nullptr);
}

void Certificates::own(std::set<std::string> names) {
  const std::scoped_lock lock(mutex_);
  owned_ = std::move(names);
  notify();
}

void Certificates::wake() {
  const std::scoped_lock lock(mutex_);
  notify();
}

// With the lock.
void Certificates::notify() {
  ++changes_;
  woken_.notify_all();
}

// The exact name wins over a wildcard, as in the routing of requests.
std::string Certificates::certificate_name(std::string_view name) const {
  const std::string exact(name), above = wildcard_over(name);
  if (!is_name(exact) || is_wildcard(exact)) return "";
  if (owned_.contains(exact)) {
    const bool shared = options_.wildcards && above == "*." + options_.base_domain && is_name(above);
    return shared ? above : exact;
  }
  return options_.wildcards && owned_.contains(above) ? above : "";
}

bool Certificates::is_owned(const std::string& certificate) const {
  if (!is_wildcard(certificate) || (options_.wildcards && owned_.contains(certificate))) {
    return owned_.contains(certificate);
  }
  if (!options_.wildcards || certificate != "*." + options_.base_domain) return false;
  return std::any_of(
      owned_.begin(), owned_.end(), [&](const std::string& name) { return wildcard_over(name) == certificate; });
}

CertificatePtr Certificates::valid(const std::string& certificate) const {
  auto found = records_.find(certificate);
  if (found == records_.end() || !found->second.certificate) return nullptr;
  return found->second.certificate->not_after > options_.now() ? found->second.certificate : nullptr;
}

CertificatePtr Certificates::find(std::string_view server_name) const {
  const std::scoped_lock lock(mutex_);
  const std::string exact(server_name);
  // Of an app that has been stopped as well: its callers are told so by the gateway, not by a failed handshake.
  if (auto certificate = valid(exact)) return certificate;
  const std::string above = wildcard_over(exact);
  return above.empty() ? nullptr : valid(above);
}

bool Certificates::request(std::string_view server_name, const Done& done) {
  const std::scoped_lock lock(mutex_);
  const std::string name = started_ ? certificate_name(server_name) : "";
  if (name.empty() || valid(name)) return false;
  Record& record = records_[name];
  const bool may_come = record.running || record.attempts.retry_at <= options_.now();
  if (!may_come || record.waiters.size() >= kMaxWaiters) return false;
  record.wanted = true;
  record.waiters.push_back(done);
  notify();
  return true;
}

void Certificates::obtain(std::string_view server_name, const Done& done) {
  if (!request(server_name, done)) done(find(server_name));
}

std::optional<Time> Certificates::due(const std::string& name, const Record& record) const {
  if (!record.wanted || record.running || !is_owned(name)) return std::nullopt;
  const Time need = record.certificate ? renewal_time(*record.certificate) : Time();
  return std::max(need, record.attempts.retry_at);
}

std::pair<std::string, std::optional<Time>> Certificates::next() const {
  std::pair<std::string, std::optional<Time>> first;
  for (const auto& [name, record] : records_) {
    const auto when = due(name, record);
    if (when && (!first.second || *when < *first.second)) first = {name, when};
  }
  return first;
}

void Certificates::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    auto [name, when] = next();
    const Time now = options_.now();
    if (!when || *when > now) {
      auto nap = kLongestNap;
      if (when) nap = std::min(nap, std::chrono::ceil<std::chrono::milliseconds>(*when - now));
      woken_.wait_for(lock, stop, nap, [this, seen = changes_] { return changes_ != seen; });
      continue;
    }
    Record& record = records_[name];
    record.running = true;
    Attempts attempts = record.attempts;
    CertificatePtr current = record.certificate;
    lock.unlock();
    order(name, std::move(attempts), std::move(current), stop);
    lock.lock();
  }
}

// Without the lock, for it blocks. The record is this worker's while it says `running`.
void Certificates::order(const std::string& name, Attempts attempts, CertificatePtr current, std::stop_token stop) {
  log::info("{}: a certificate is ordered", name);
  // A daemon that dies meanwhile leaves word that the name is wanted.
  if (auto kept = vault_.keep(name, attempts); !kept) log::error("{}: {}", name, kept.error().message);
  auto fresh = read(name, obtain_(name, attempts.failures, stop));
  if (!fresh && fresh.error().error.code == Code::Cancelled) return end_order(name, nullptr, std::move(attempts));
  attempts = fresh ? Attempts() : after(name, std::move(attempts), fresh.error(), current);
  // One that can't be written is good all the same; after a restart it is ordered anew.
  auto kept = fresh ? vault_.keep(**fresh) : Result<void>();
  if (!kept) log::error("{}: {}", name, kept.error().message);
  if (auto noted = vault_.keep(name, attempts); !noted) log::error("{}: {}", name, noted.error().message);
  end_order(name, fresh ? *fresh : nullptr, std::move(attempts));
}

Outcome<CertificatePtr> Certificates::read(const std::string& name, const Outcome<Issued>& issued) const {
  if (!issued) return tl::unexpected(issued.error());
  auto key = Key::parse(issued->key_pem);
  auto facts = key ? read_chain(issued->chain_pem, *key) : Result<ChainFacts>(tl::unexpected(key.error()));
  if (!facts) return tl::unexpected(Failure{facts.error(), std::nullopt});
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(facts->not_after - options_.now());
  log::info("{}: a certificate that is good for {} days", name, hours / 24h);
  return std::make_shared<Certificate>(
      Certificate{name, issued->chain_pem, issued->key_pem, facts->not_before, facts->not_after});
}

Attempts Certificates::after(
    const std::string& name, Attempts attempts, const Failure& why, const CertificatePtr& current) const {
  const Time now = options_.now();
  std::optional<std::chrono::milliseconds> left;
  if (current && current->not_after > now) {
    left = std::chrono::duration_cast<std::chrono::milliseconds>(current->not_after - now);
  }
  attempts.failures += 1;
  attempts.reason = why.error.message;
  const auto wait = back_off(name, attempts.failures, why.retry_after, left);
  attempts.retry_at = now + wait;
  log::warning("no certificate: {}; next try in {} s", why.error.message, wait / 1s);
  return attempts;
}

void Certificates::end_order(const std::string& name, const CertificatePtr& fresh, Attempts attempts) {
  std::vector<Done> waiters;
  CertificatePtr certificate;
  {
    const std::scoped_lock lock(mutex_);
    Record& record = records_[name];
    record.running = false;
    record.attempts = std::move(attempts);
    if (fresh) record.certificate = fresh;
    waiters.swap(record.waiters);
    certificate = valid(name);
    notify();
  }
  call_all(std::move(waiters), certificate);
}

NameState Certificates::state_of(const std::string& name, const Record& record) const {
  NameState state{.name = name, .phase = NameState::Phase::Unused, .reason = record.attempts.reason};
  if (record.attempts.failures > 0) {
    state.phase = NameState::Phase::Failing;
    state.retry_at = record.attempts.retry_at;
  }
  if (record.certificate) state.expires_at = record.certificate->not_after;
  if (valid(name)) state.phase = NameState::Phase::Valid;
  if (record.running) state.phase = NameState::Phase::Ordering;
  return state;
}

std::vector<NameState> Certificates::states() const {
  const std::scoped_lock lock(mutex_);
  std::vector<NameState> out;
  for (const auto& [name, record] : records_) out.push_back(state_of(name, record));
  return out;
}

std::string Certificates::certificate_for(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  if (is_wildcard(name)) return options_.wildcards && owned_.contains(std::string(name)) ? std::string(name) : "";
  return certificate_name(name);
}

}  // namespace bimodal::acme
