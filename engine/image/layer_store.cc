#include "image/layer_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "image/files.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kNameDigits = 16;
constexpr std::uintmax_t kMaxEntryBytes = 64 << 10;

std::string short_name(const std::string& key) {
  return key.substr(0, kNameDigits);
}

Result<void> sync_filesystem(const fs::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0) return errno_error(errno, "syncing " + directory.string());
  return {};
}

Result<void> sync_directory(const fs::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error(errno, "syncing " + directory.string());
  return {};
}

// An errno value, 0 when moved. rename(2) alone would replace an empty directory.
int move_to_new_name(const fs::path& from, const fs::path& to) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
}

Result<void> write_durably(const fs::path& file, const std::string& text) {
  fs::path temporary = file;
  temporary += ".tmp-" + random_text(8);
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  bool written = fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 ::fsync(fd.get()) == 0 && ::rename(temporary.c_str(), file.c_str()) == 0;
  if (written) return {};
  int failure = errno;
  ::unlink(temporary.c_str());
  return errno_error(failure, "writing " + file.string());
}

// Takes the lock of a scratch owner. Nothing when another process holds it.
UniqueFd lock_owner(const fs::path& owner) {
  UniqueFd fd(::open((owner / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

void remove_abandoned(const fs::path& scratch) {
  for (const auto& owner : list_directory(scratch)) {
    if (auto lock = lock_owner(owner)) remove_tree(owner);
  }
}

}  // namespace

Scratch::Scratch(fs::path directory) : directory_(std::move(directory)) {}
Scratch::Scratch(Scratch&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}
Scratch::~Scratch() {
  if (!directory_.empty()) remove_tree(directory_);
}

LayerStore::LayerStore(fs::path directory, fs::path owned, UniqueFd lock)
    : directory_(std::move(directory)), owned_scratch_(std::move(owned)), lock_(std::move(lock)) {}

Result<LayerStore> LayerStore::open(fs::path directory) {
  std::error_code failure;
  fs::path all = directory / "scratch";
  fs::create_directories(directory / "keys", failure);
  if (!failure) fs::create_directories(all, failure);
  if (failure) {
    return error(
        Code::FailedPrecondition, "can't make the layers directory {}: {}", directory.string(), failure.message());
  }
  remove_abandoned(all);
  // Another daemon's remove_abandoned() may meet the new owner between mkdir and lock; then the lock fails on open.
  for (int attempt = 0; attempt < 3; ++attempt) {
    fs::path owned = all / random_text(12);
    fs::create_directory(owned, failure);
    if (auto lock = lock_owner(owned); lock && fs::exists(owned / "lock", failure)) {
      return LayerStore(std::move(directory), std::move(owned), std::move(lock));
    }
  }
  return error(Code::FailedPrecondition, "can't make a scratch directory in {}", all.string());
}

fs::path LayerStore::key_file(const std::string& key) const {
  return directory_ / "keys" / (short_name(key) + ".json");
}

std::optional<std::string> LayerStore::find(const std::string& key) const {
  auto text = read_file(key_file(key), kMaxEntryBytes);
  if (!text) return std::nullopt;
  auto entry = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object() || entry.value("key", "") != key) return std::nullopt;
  auto layer = entry.value("layer", "");
  std::error_code failure;
  if (layer.empty() || !fs::is_directory(path_of(layer), failure)) return std::nullopt;
  return layer;
}

Result<Scratch> LayerStore::scratch() const {
  Scratch scratch(owned_scratch_ / random_text(8));
  std::error_code failure;
  if (!fs::create_directories(scratch.tree(), failure)) {
    return error(Code::ResourceExhausted, "can't make {}: {}", scratch.tree().string(), failure.message());
  }
  ::chmod(scratch.tree().c_str(), 0755);
  return scratch;
}

Result<std::string> LayerStore::commit(
    Scratch scratch, const std::string& key, const std::string& origin, Existing existing) const {
  if (auto found = find(key); found && existing == Existing::Keep) return *found;
  TRY_VOID(sync_filesystem(scratch.tree()));
  std::string name = short_name(key);
  // A tree under that name without a key file is a finished one whose daemon died before it wrote the key file, or
  // the one that is to be replaced; either may be mounted, so it stays.
  int failure = move_to_new_name(scratch.tree(), path_of(name));
  if (failure == EEXIST) {
    name = short_name(sha256_hex(key + random_text(16)));
    failure = move_to_new_name(scratch.tree(), path_of(name));
  }
  if (failure != 0) return errno_error(failure, "moving a layer to " + path_of(name).string());
  TRY_VOID(sync_directory(directory_));
  nlohmann::json entry = {{"key", key}, {"layer", name}, {"origin", origin.substr(0, 500)}};
  TRY_VOID(write_durably(key_file(key), entry.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  TRY_VOID(sync_directory(directory_ / "keys"));
  return name;
}

}  // namespace bimodal::image
