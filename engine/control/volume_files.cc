#include "control/volume_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/ids.h"
#include "control/clock.h"
#include "control/urls.h"
#include "control/volume_blocks.h"
#include "control/volume_paths.h"
#include "control/volume_tree.h"
#include "store/blobs.h"

namespace bimodal::control {
namespace {

using store::Depth;
using store::EntryType;
using store::Transaction;
using store::VolumeEntry;
using store::VolumeTable;

constexpr std::int64_t kBatch = 1000;  // entries of one message

void describe(const VolumeEntry& entry, api::FileEntry& out) {
  out.set_path(entry.path);
  out.set_type(static_cast<api::FileEntry::FileType>(entry.type));
  out.set_mtime(static_cast<std::uint64_t>(std::max<std::int64_t>(entry.mtime, 0)));
  out.set_size(static_cast<std::uint64_t>(entry.size));
}

struct Listing {
  std::string volume_id, path, after;
  Depth depth = Depth::Children;
};

// The next entries; the entry itself when the path is a file's.
Result<std::vector<VolumeEntry>> read_batch(Transaction& transaction, const Listing& listing, std::int64_t limit) {
  TRY(VolumeTable volume, open_volume(transaction, listing.volume_id));
  if (listing.after.empty() && !listing.path.empty()) {
    TRY(auto entry, volume.find(listing.path));
    if (!entry) return error(Code::NotFound, "No file or directory '{}' in the volume", listing.path);
    if (entry->type != EntryType::Directory) return std::vector<VolumeEntry>{*std::move(entry)};
  }
  return volume.list(listing.path, listing.depth, listing.after, limit);
}

Result<VolumeEntry> find_file(Transaction& transaction, const std::string& volume_id, const std::string& path) {
  TRY(VolumeTable volume, open_volume(transaction, volume_id));
  TRY(auto entry, volume.find(path));
  if (!entry) return error(Code::NotFound, "No file '{}' in the volume", path);
  if (entry->type == EntryType::File) return *std::move(entry);
  return error(
      Code::InvalidArgument, "'{}' is a {} of the volume, no file", path,
      entry->type == EntryType::Directory ? "directory" : "symbolic link");
}

// A file whose content was uploaded as one blob.
Result<VolumeEntry> entry_of(store::Blobs& blobs, const api::MountFile& file) {
  TRY(std::string path, volume_file_path(file.filename()));
  if (!store::Blobs::is_digest(file.sha256_hex()) || !blobs.keep(file.sha256_hex())) {
    return error(Code::FailedPrecondition, "volume: the content of '{}' was never uploaded", path);
  }
  VolumeEntry entry{.path = std::move(path), .mode = file.has_mode() ? file.mode() & 0777 : 0644};
  entry.mtime = static_cast<std::int64_t>(unix_now());
  std::error_code failure;
  entry.size = static_cast<std::int64_t>(std::filesystem::file_size(blobs.path_of(file.sha256_hex()), failure));
  if (failure) return errno_error(failure.value(), "size of " + file.sha256_hex());
  entry.content = file.sha256_hex();
  return entry;
}

Overwrite overwrite_of(bool disallowed) {
  return disallowed ? Overwrite::No : Overwrite::Yes;
}

// Before anything is uploaded: what would be refused anyway.
Result<void> check_paths(
    Transaction& transaction, const std::string& volume_id, const std::vector<std::string>& paths,
    Overwrite overwrite) {
  TRY(VolumeTable volume, open_volume(transaction, volume_id));
  if (overwrite == Overwrite::Yes) return {};
  for (const std::string& path : paths) {
    TRY(auto standing, volume.find(path));
    if (!standing) continue;
    return error(Code::AlreadyExists, "File '{}' exists in the volume; force=True or --force replaces it", path);
  }
  return {};
}

}  // namespace

VolumeFiles::VolumeFiles(Context& context, BlobTransfers& transfers, rpc::Service& service)
    : context_(context), transfers_(transfers) {
  service.stream(
      "VolumeListFiles", this, &VolumeFiles::list<api::VolumeListFilesResponse, api::VolumeListFilesRequest>);
  service.stream(
      "VolumeListFiles2", this, &VolumeFiles::list<api::VolumeListFiles2Response, api::VolumeListFiles2Request>);
  service.mutation("VolumeRemoveFile", this, &VolumeFiles::remove<api::VolumeRemoveFileRequest>);
  service.mutation("VolumeRemoveFile2", this, &VolumeFiles::remove<api::VolumeRemoveFile2Request>);
  service.mutation("VolumeCopyFiles", this, &VolumeFiles::copy<api::VolumeCopyFilesRequest>);
  service.mutation("VolumeCopyFiles2", this, &VolumeFiles::copy<api::VolumeCopyFiles2Request>);
  service.mutation("VolumePutFiles", this, &VolumeFiles::put);
  service.mutation("VolumePutFiles2", this, &VolumeFiles::put_blocks);
  service.query("VolumeGetFile2", this, &VolumeFiles::get);
}

template <typename Response, typename Request>
Task<Result<void>> VolumeFiles::list(rpc::Call, Request request, rpc::Writer<Response> writer) {
  Listing listing{.volume_id = request.volume_id()};
  CO_TRY(listing.path, volume_path(request.path()));
  if (request.recursive()) listing.depth = Depth::Descendants;
  std::int64_t left = request.has_max_entries() ? request.max_entries() : VolumeTable::kMaxEntries;
  while (left > 0) {
    const std::int64_t limit = std::min(left, kBatch);
    auto work = [listing, limit](Transaction& transaction) { return read_batch(transaction, listing, limit); };
    CO_TRY(auto entries, co_await context_.transact(std::move(work)));
    if (entries.empty()) break;
    Response response;
    for (const VolumeEntry& entry : entries) describe(entry, *response.add_entries());
    left -= static_cast<std::int64_t>(entries.size());
    listing.after = entries.back().path;
    const bool written = co_await writer.write(std::move(response));
    if (!written || listing.after == listing.path) break;
  }
  co_return Result<void>();
}

template <typename Request>
Task<Result<rpc::Empty>> VolumeFiles::remove(rpc::Call, Request request) {
  CO_TRY(std::string path, volume_path(request.path()));
  auto work = [request = std::move(request), path](Transaction& transaction) {
    return remove_entry(transaction, request.volume_id(), path, request.recursive());
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

template <typename Request>
Task<Result<rpc::Empty>> VolumeFiles::copy(rpc::Call, Request request) {
  std::vector<std::string> sources;
  for (const std::string& text : request.src_paths()) {
    CO_TRY(std::string source, volume_path(text));
    sources.push_back(std::move(source));
  }
  CO_TRY(std::string target, volume_path(request.dst_path()));
  auto work = [request = std::move(request), sources, target](Transaction& transaction) {
    return copy_entries(transaction, request.volume_id(), sources, target, request.recursive());
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> VolumeFiles::put(rpc::Call, api::VolumePutFilesRequest request) {
  auto work = [this, request = std::move(request)]() -> Result<void> {
    std::vector<VolumeEntry> entries;
    for (const auto& file : request.files()) {
      TRY(VolumeEntry entry, entry_of(context_.blobs, file));
      entries.push_back(std::move(entry));
    }
    const Overwrite overwrite = overwrite_of(request.disallow_overwrite_existing_files());
    return context_.database.transact(
        [&](Transaction& transaction) { return put_entries(transaction, request.volume_id(), entries, overwrite); });
  };
  CO_TRY_VOID(co_await context_.pool.run(std::move(work)));
  co_return Empty();
}

// The client asks twice: which blocks are missing, and, when they are there, for the files to be made.
Task<Result<api::VolumePutFiles2Response>> VolumeFiles::put_blocks(
    rpc::Call call, api::VolumePutFiles2Request request) {
  auto work = [this, caller = call.caller, request = std::move(request)]() -> Result<api::VolumePutFiles2Response> {
    TRY(auto files, block_files(request));
    const Overwrite overwrite = overwrite_of(request.disallow_overwrite_existing_files());
    std::vector<std::string> paths;
    for (const BlockFile& file : files) paths.push_back(file.path);
    TRY_VOID(context_.database.transact(
        [&](Transaction& transaction) { return check_paths(transaction, request.volume_id(), paths, overwrite); }));
    api::VolumePutFiles2Response response;
    for (const MissingBlock& missing : missing_blocks(context_.blobs, files)) {
      auto& block = *response.add_missing_blocks();
      block.set_file_index(missing.file);
      block.set_block_index(missing.block);
      block.set_put_url(blob_url(context_.settings, caller, transfers_.block_ticket(missing.sha256, kBlockBytes)));
    }
    if (response.missing_blocks_size() > 0) return response;
    std::vector<VolumeEntry> entries;
    for (const BlockFile& file : files) {
      TRY(std::string content, assemble(context_.blobs, file));
      VolumeEntry entry{.path = file.path, .mode = file.mode, .size = static_cast<std::int64_t>(file.size)};
      entry.mtime = static_cast<std::int64_t>(unix_now());
      entry.content = std::move(content);
      entries.push_back(std::move(entry));
    }
    TRY_VOID(context_.database.transact(
        [&](Transaction& transaction) { return put_entries(transaction, request.volume_id(), entries, overwrite); }));
    return response;
  };
  co_return co_await context_.pool.run(std::move(work));
}

// One URL for each of the client's blocks that the range touches.
Task<Result<api::VolumeGetFile2Response>> VolumeFiles::get(rpc::Call call, api::VolumeGetFile2Request request) {
  CO_TRY(std::string path, volume_file_path(request.path()));
  auto work = [id = request.volume_id(), path](Transaction& transaction) { return find_file(transaction, id, path); };
  CO_TRY(VolumeEntry entry, co_await context_.transact(std::move(work)));
  const auto size = static_cast<std::uint64_t>(entry.size);
  const std::uint64_t start = std::min(request.start(), size);
  const std::uint64_t length = request.len() == 0 ? size - start : std::min(request.len(), size - start);
  api::VolumeGetFile2Response response;
  response.set_size(size);
  response.set_start(start);
  response.set_len(length);
  for (std::uint64_t at = start; at < start + length;) {
    const std::uint64_t end = std::min(start + length, (at / kBlockBytes + 1) * kBlockBytes);
    response.add_get_urls(
        blob_url(context_.settings, call.caller, transfers_.part_ticket(entry.content, at, end - at)));
    at = end;
  }
  co_return response;
}

}  // namespace bimodal::control
