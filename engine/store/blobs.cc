#include "store/blobs.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include "base/check.h"
#include "base/ids.h"
#include "base/unique_fd.h"

namespace bimodal::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashChunk = 256 * 1024;
constexpr mode_t kBlobMode = 0644;  // mount layers hard-link blobs, and every user of a container may read those

tl::unexpected<Error> write_error(int errnum, const fs::path& file) {
  if (errnum == ENOSPC || errnum == EDQUOT) {
    return error(
        Code::ResourceExhausted, "no space left on the disk of {}: free some, or move the home directory",
        file.parent_path().string());
  }
  return errno_error(errnum, "write " + file.string());
}

// A SHA-256 that is fed piece by piece.
class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    CHECK(context_ != nullptr);
    CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(const char* data, std::size_t size) { CHECK(EVP_DigestUpdate(context_.get(), data, size) == 1); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
    std::string out;
    for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

Result<std::string> hash_file(int fd, const fs::path& file) {
  Hash hash;
  std::string chunk(kHashChunk, '\0');
  while (true) {
    ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read " + file.string());
    if (n == 0) return hash.hex();
    hash.add(chunk.data(), static_cast<std::size_t>(n));
  }
}

Result<void> write_all(int fd, std::string_view data, const fs::path& file) {
  while (!data.empty()) {
    ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return write_error(errno, file);
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> sync(int fd, const fs::path& file) {
  if (::fchmod(fd, kBlobMode) != 0) return errno_error(errno, "chmod " + file.string());
  if (::fsync(fd) != 0) return write_error(errno, file);
  return {};
}

// Makes a rename in `directory` survive a power cut.
Result<void> sync_directory(const fs::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error(errno, "open " + directory.string());
  if (::fsync(fd.get()) != 0) return write_error(errno, directory);
  return {};
}

Result<void> check_digest(const std::string& digest, const std::string& expected) {
  if (expected.empty() || expected == digest) return {};
  return error(
      Code::InvalidArgument, "the content's SHA-256 is {}, not {} as announced: send it again", digest, expected);
}

// Moves a finished file to its name below `directory`. Another writer of the same content is no conflict.
Result<void> publish(const fs::path& file, const fs::path& target) {
  std::error_code failure;
  if (fs::create_directory(target.parent_path(), failure)) {
    TRY_VOID(sync_directory(target.parent_path().parent_path()));
  }
  if (failure) return write_error(failure.value(), target.parent_path());
  if (::rename(file.c_str(), target.c_str()) != 0) return write_error(errno, target);
  return sync_directory(target.parent_path());
}

// Removes a temporary file unless it was published.
struct Leftover {
  fs::path path;
  ~Leftover() { ::unlink(path.c_str()); }
};

}  // namespace

Blobs::Blobs(fs::path directory) : directory_(std::move(directory)) {
  std::error_code ignored;  // an unusable directory shows in the first put(), with its cause
  fs::remove_all(directory_ / "tmp", ignored);
  fs::create_directories(directory_ / "tmp", ignored);
}

bool Blobs::contains(const std::string& sha256_hex) const {
  std::error_code ignored;
  return is_digest(sha256_hex) && fs::exists(path_of(sha256_hex), ignored);
}

// The time of access and not of change: mount layers share the file, and containers see when it changed.
bool Blobs::keep(const std::string& sha256_hex) {
  std::lock_guard lock(mutex_);
  if (!contains(sha256_hex)) return false;
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  return ::utimensat(AT_FDCWD, path_of(sha256_hex).c_str(), times, 0) == 0;
}

void Blobs::release(const std::string& sha256_hex) {
  std::lock_guard lock(mutex_);
  struct stat about{};
  if (!is_digest(sha256_hex) || ::stat(path_of(sha256_hex).c_str(), &about) != 0 || about.st_nlink > 1) return;
  const timespec never[2] = {{.tv_sec = 0, .tv_nsec = 0}, {.tv_sec = 0, .tv_nsec = 0}};
  ::utimensat(AT_FDCWD, path_of(sha256_hex).c_str(), never, 0);
}

std::size_t Blobs::remove_unused(const std::set<std::string>& used, std::chrono::system_clock::time_point since) {
  const std::time_t oldest = std::chrono::system_clock::to_time_t(since);
  std::size_t removed = 0;
  std::error_code failure;
  for (fs::recursive_directory_iterator entry(directory_, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename();
    if (!is_digest(name) || used.contains(name)) continue;
    std::lock_guard lock(mutex_);
    struct stat about{};
    if (::stat(entry->path().c_str(), &about) != 0) continue;
    if (about.st_atime >= oldest || about.st_mtime >= oldest) continue;
    if (::unlink(entry->path().c_str()) == 0) ++removed;
  }
  return removed;
}

Result<std::string> Blobs::put(std::string_view data, const std::string& expected_sha256) {
  std::string digest = sha256_hex(data);
  TRY_VOID(check_digest(digest, expected_sha256));
  if (keep(digest)) return digest;
  Leftover file{temporary()};
  UniqueFd fd(::open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kBlobMode));
  if (!fd) return write_error(errno, file.path);
  TRY_VOID(write_all(fd.get(), data, file.path));
  TRY_VOID(sync(fd.get(), file.path));
  TRY_VOID(publish(file.path, path_of(digest)));
  return digest;
}

Result<std::string> Blobs::adopt(const fs::path& file, const std::string& expected_sha256) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, "open " + file.string());
  TRY(std::string digest, hash_file(fd.get(), file));
  TRY_VOID(check_digest(digest, expected_sha256));
  TRY_VOID(sync(fd.get(), file));
  TRY_VOID(publish(file, path_of(digest)));
  return digest;
}

fs::path Blobs::path_of(const std::string& sha256_hex) const {
  CHECK(is_digest(sha256_hex));
  return directory_ / sha256_hex.substr(0, 2) / sha256_hex;
}

Result<std::string> Blobs::read(const std::string& sha256_hex) const {
  if (!contains(sha256_hex)) return error(Code::NotFound, "no blob {}", sha256_hex);
  std::ifstream in(path_of(sha256_hex), std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || !in.is_open()) return error(Code::Internal, "cannot read blob {}", sha256_hex);
  return content;
}

fs::path Blobs::temporary() const {
  return directory_ / "tmp" / random_text(22);
}

bool Blobs::is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace bimodal::store
