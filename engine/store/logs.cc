#include "store/logs.h"

#include <algorithm>
#include <cctype>
#include <mutex>
#include <system_error>
#include <unordered_map>

#include "store/app_log.h"

namespace bimodal::store {
namespace {

namespace fs = std::filesystem;

// Apps whose newest records and open file are kept in memory; the least recently used one is let go first.
constexpr std::size_t kMaxOpenApps = 64;

bool is_directory_name(const std::string& app_id) {
  return !app_id.empty() && std::ranges::all_of(app_id, [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

}  // namespace

struct Logs::State {
  struct Open {
    std::shared_ptr<AppLog> log;
    std::uint64_t last_use = 0;
  };

  std::shared_ptr<AppLog> find(const std::string& app_id);
  std::shared_ptr<AppLog> find_or_make(const std::string& app_id);
  void close_least_used();

  fs::path directory;
  std::uint64_t bytes_per_app = 0;
  std::mutex mutex;
  std::unordered_map<std::string, Open> open;
  std::uint64_t uses = 0;
  std::shared_ptr<const std::function<void(const std::string&)>> listener;
};

// Null when the app has never said anything: reading makes no directory.
std::shared_ptr<AppLog> Logs::State::find(const std::string& app_id) {
  if (!is_directory_name(app_id)) return nullptr;
  {
    std::lock_guard lock(mutex);
    if (open.contains(app_id)) {
      open[app_id].last_use = ++uses;
      return open[app_id].log;
    }
  }
  std::error_code ignored;
  if (!fs::exists(directory / app_id, ignored)) return nullptr;
  return find_or_make(app_id);
}

std::shared_ptr<AppLog> Logs::State::find_or_make(const std::string& app_id) {
  if (!is_directory_name(app_id)) return nullptr;
  std::lock_guard lock(mutex);
  Open& entry = open[app_id];
  entry.last_use = ++uses;
  if (!entry.log) entry.log = std::make_shared<AppLog>(app_id, directory / app_id, bytes_per_app);
  std::shared_ptr<AppLog> found = entry.log;
  if (open.size() > kMaxOpenApps) close_least_used();
  return found;
}

// Never one that a thread works on: a second AppLog for the same files would write over its records.
void Logs::State::close_least_used() {
  auto least = open.end();
  for (auto it = open.begin(); it != open.end(); ++it) {
    bool idle = it->second.log.use_count() == 1;
    if (idle && (least == open.end() || it->second.last_use < least->second.last_use)) least = it;
  }
  if (least != open.end()) open.erase(least);
}

Logs::Logs(fs::path directory, std::uint64_t bytes_per_app) : state_(std::make_unique<State>()) {
  state_->directory = std::move(directory);
  state_->bytes_per_app = bytes_per_app;
}

Logs::~Logs() = default;

void Logs::append(model::LogEntry entry) {
  std::string app_id = entry.app_id;
  auto log = state_->find_or_make(app_id);
  if (!log) return;
  log->append(std::move(entry));
  std::shared_ptr<const std::function<void(const std::string&)>> listener;
  {
    std::lock_guard lock(state_->mutex);
    listener = state_->listener;
  }
  if (listener && *listener) (*listener)(app_id);
}

std::vector<LogRecord> Logs::after(
    const std::string& app_id, std::uint64_t cursor, std::size_t limit, const LogFilter& filter) const {
  auto log = state_->find(app_id);
  return log ? log->after(cursor, limit, filter) : std::vector<LogRecord>();
}

std::vector<LogRecord> Logs::tail(const std::string& app_id, std::size_t limit, const LogFilter& filter) const {
  auto log = state_->find(app_id);
  return log ? log->tail(limit, filter) : std::vector<LogRecord>();
}

std::uint64_t Logs::last_sequence(const std::string& app_id) const {
  auto log = state_->find(app_id);
  return log ? log->last_sequence() : 0;
}

void Logs::on_append(std::function<void(const std::string&)> listener) {
  auto shared = std::make_shared<const std::function<void(const std::string&)>>(std::move(listener));
  std::lock_guard lock(state_->mutex);
  state_->listener = std::move(shared);
}

void Logs::remove(const std::string& app_id) {
  if (!is_directory_name(app_id)) return;
  std::lock_guard lock(state_->mutex);
  state_->open.erase(app_id);
  std::error_code ignored;
  fs::remove_all(state_->directory / app_id, ignored);
}

}  // namespace bimodal::store
