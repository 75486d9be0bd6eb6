#include "control/volume_blocks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/ids.h"
#include "base/unique_fd.h"
#include "control/volume_files.h"
#include "control/volume_paths.h"

namespace bimodal::control {
namespace {

constexpr std::uint64_t kBlock = VolumeFiles::kBlockBytes;
constexpr std::size_t kDigestBytes = 32;

Result<std::string> digest_of(const std::string& bytes) {
  if (bytes.size() != kDigestBytes) {
    return error(Code::InvalidArgument, "volume: a block's SHA-256 has {} bytes", bytes.size());
  }
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

// A file that is removed unless it was adopted.
struct Draft {
  std::filesystem::path path;
  UniqueFd fd;
  ~Draft() { ::unlink(path.c_str()); }
};

tl::unexpected<Error> write_failure(const Draft& draft) {
  if (errno == ENOSPC || errno == EDQUOT) {
    return error(Code::ResourceExhausted, "no space left on the disk of the volume: free some, or move the home");
  }
  return errno_error(errno, "write " + draft.path.string());
}

Result<void> append_block(Draft& draft, store::Blobs& blobs, const std::string& sha256, std::uint64_t at) {
  TRY(std::string content, blobs.read(sha256));
  if (content.size() > kBlock) return error(Code::InvalidArgument, "volume: block {} is too long", sha256);
  std::string_view rest(content);
  auto offset = static_cast<off_t>(at);
  while (!rest.empty()) {
    const ssize_t written = ::pwrite(draft.fd.get(), rest.data(), rest.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return write_failure(draft);
    rest.remove_prefix(static_cast<std::size_t>(written));
    offset += written;
  }
  return {};
}

}  // namespace

Result<std::vector<BlockFile>> block_files(const api::VolumePutFiles2Request& request) {
  std::vector<BlockFile> files;
  for (const auto& given : request.files()) {
    BlockFile file;
    TRY(file.path, volume_file_path(given.path()));
    file.size = given.size();
    if (given.has_mode()) file.mode = given.mode() & 0777;
    const std::uint64_t blocks = file.size / kBlock + (file.size % kBlock > 0 ? 1 : 0);
    if (file.size > VolumeFiles::kMaxFileBytes || blocks != static_cast<std::uint64_t>(given.blocks_size())) {
      return error(
          Code::InvalidArgument, "volume: '{}' of {} bytes can't have {} blocks", file.path, file.size,
          given.blocks_size());
    }
    for (const auto& block : given.blocks()) {
      TRY(std::string digest, digest_of(block.contents_sha256()));
      file.blocks.push_back(std::move(digest));
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<MissingBlock> missing_blocks(store::Blobs& blobs, const std::vector<BlockFile>& files) {
  const std::string empty = sha256_hex("");  // a block of zeros alone
  std::set<std::string> known = {empty};
  std::vector<MissingBlock> missing;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t k = 0; k < files[i].blocks.size(); ++k) {
      const std::string& sha256 = files[i].blocks[k];
      if (!known.insert(sha256).second || blobs.keep(sha256)) continue;
      missing.push_back({i, k, sha256});
    }
  }
  return missing;
}

Result<std::string> assemble(store::Blobs& blobs, const BlockFile& file) {
  Draft draft{.path = blobs.temporary(), .fd = {}};
  draft.fd.reset(::open(draft.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!draft.fd) return write_failure(draft);
  const std::string empty = sha256_hex("");
  for (std::size_t k = 0; k < file.blocks.size(); ++k) {
    if (file.blocks[k] == empty) continue;
    TRY_VOID(append_block(draft, blobs, file.blocks[k], k * kBlock));
  }
  if (::ftruncate(draft.fd.get(), static_cast<off_t>(file.size)) != 0) return write_failure(draft);
  TRY(std::string content, blobs.adopt(draft.path));
  for (const std::string& block : file.blocks) {
    if (block != content) blobs.release(block);
  }
  return content;
}

}  // namespace bimodal::control
