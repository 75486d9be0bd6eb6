#include "server/state_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/ids.h"
#include "sandbox/generation.h"

namespace bimodal::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kTokenIdLength = 22;
constexpr std::size_t kTokenSecretLength = 32;

fs::path lock_path(const fs::path& home) {
  return home / "daemon.lock";
}
fs::path info_path(const fs::path& home) {
  return home / "daemon.json";
}
fs::path token_path(const fs::path& home) {
  return home / "keys" / "token.json";
}

struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

Result<void> write_all(int fd, std::string_view text, const fs::path& file) {
  while (!text.empty()) {
    ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, "write " + file.string());
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// A reader sees the old content or the new one, after a crash too.
Result<void> replace_file(const fs::path& file, std::string_view content, mode_t mode) {
  fs::path temporary = file;
  temporary += ".new";
  ::unlink(temporary.c_str());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return errno_error(errno, "create " + temporary.string());
  TRY_VOID(write_all(fd.get(), content, temporary));
  if (::fsync(fd.get()) != 0) return errno_error(errno, "fsync " + temporary.string());
  if (::rename(temporary.c_str(), file.c_str()) != 0) return errno_error(errno, "rename " + temporary.string());
  return {};
}

Result<json> read_json(const fs::path& file) {
  std::ifstream in(file);
  if (!in) return error(Code::NotFound, "{} doesn't exist or can't be read", file.string());
  std::stringstream text;
  text << in.rdbuf();
  json value = json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return error(Code::DataLoss, "{} is damaged: remove it", file.string());
  return value;
}

}  // namespace

std::string_view version() {
  return BIMODAL_VERSION;
}

Result<void> refuse_foreign(const fs::path& directory, std::string_view flag) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0 || status.st_uid == ::geteuid()) return {};
  return error(
      Code::PermissionDenied,
      "{} belongs to another user; what root and ordinary users keep can't be shared: choose another place with {}",
      directory.string(), flag);
}

Result<void> make_home(const fs::path& home) {
  std::error_code failure;
  if (fs::is_directory(home, failure)) return refuse_foreign(home, "--home");
  fs::create_directories(home, failure);
  if (failure) {
    return error(
        Code::PermissionDenied, "can't make the home directory {}: {}; choose another one with --home", home.string(),
        failure.message());
  }
  if (::chmod(home.c_str(), 0700) != 0) return errno_error(errno, "chmod " + home.string());
  return {};
}

Result<RecordLock> RecordLock::acquire(const fs::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return errno_error(errno, "open " + file.string());
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_SETLK, &lock) == 0) return RecordLock(std::move(fd));
  if (errno != EACCES && errno != EAGAIN) return errno_error(errno, "lock " + file.string());
  ::fcntl(fd.get(), F_GETLK, &lock);
  return error(Code::AlreadyExists, "pid {}", lock.l_pid);
}

namespace {

std::optional<int> holder_of(const fs::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

fs::path draining_path(const fs::path& home, int generation) {
  return home / fmt::format("draining-{}.lock", generation);
}

}  // namespace

Result<HomeLock> HomeLock::acquire(const fs::path& home) {
  TRY_VOID(make_home(home));
  Result<RecordLock> lock = RecordLock::acquire(lock_path(home));
  if (lock) return HomeLock(*std::move(lock));
  if (lock.error().code != Code::AlreadyExists) return tl::unexpected(lock.error());
  return error(
      Code::AlreadyExists,
      "a daemon already runs on {} with {}; `bimodal down --home {}` stops it, `bimodal up --replace` takes over from "
      "it",
      home.string(), lock.error().message, home.string());
}

std::optional<int> lock_holder(const fs::path& home) {
  return holder_of(lock_path(home));
}

Result<RecordLock> mark_draining(const fs::path& home, int generation) {
  return RecordLock::acquire(draining_path(home, generation));
}

std::vector<int> draining_generations(const fs::path& home) {
  std::vector<int> draining;
  for (int generation = 0; generation < sandbox::kGenerations; ++generation) {
    if (holder_of(draining_path(home, generation))) draining.push_back(generation);
  }
  return draining;
}

Result<void> write_daemon_info(const fs::path& home, const DaemonInfo& info) {
  json value = {
      {"pid", info.pid},
      {"version", info.version},
      {"api", info.api},
      {"web", info.web},
      {"admin", info.admin},
      {"https", info.https},
      {"authority_file", info.authority_file},
      {"base_domain", info.base_domain},
      {"started_at", info.started_at}};
  return replace_file(info_path(home), value.dump(2) + "\n", 0644);
}

void remove_daemon_info(const fs::path& home) {
  std::error_code ignored;
  fs::remove(info_path(home), ignored);
}

Result<DaemonInfo> read_daemon_info(const fs::path& home) {
  Result<json> value = read_json(info_path(home));
  if (!value) return error(Code::NotFound, "no daemon answers on {}; `bimodal up` starts one", home.string());
  DaemonInfo info;
  info.pid = value->value("pid", 0);
  info.version = value->value("version", "");
  info.api = value->value("api", "");
  info.web = value->value("web", "");
  info.admin = value->value("admin", "");
  info.https = value->value("https", "");
  info.authority_file = value->value("authority_file", "");
  info.base_domain = value->value("base_domain", "");
  info.started_at = value->value("started_at", 0.0);
  if (info.pid == ::getpid()) return info;  // the daemon itself, which must not touch its lock
  if (lock_holder(home) != info.pid) {
    return error(Code::NotFound, "no daemon answers on {}; `bimodal up` starts one", home.string());
  }
  return info;
}

Result<Token> load_token(const fs::path& home) {
  TRY(json value, read_json(token_path(home)));
  Token token{value.value("id", ""), value.value("secret", "")};
  if (token.id.empty() || token.secret.empty()) {
    return error(Code::DataLoss, "{} is damaged: remove it and start the daemon again", token_path(home).string());
  }
  return token;
}

Result<Token> load_or_create_token(const fs::path& home) {
  Result<Token> known = load_token(home);
  if (known || known.error().code != Code::NotFound) return known;
  TRY_VOID(make_home(home));
  fs::path keys = token_path(home).parent_path();
  if (::mkdir(keys.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(errno, "mkdir " + keys.string());
  Token token{"ak-" + random_text(kTokenIdLength), "as-" + random_text(kTokenSecretLength)};
  json value = {{"id", token.id}, {"secret", token.secret}};
  TRY_VOID(replace_file(token_path(home), value.dump(2) + "\n", 0600));
  return token;
}

}  // namespace bimodal::server
