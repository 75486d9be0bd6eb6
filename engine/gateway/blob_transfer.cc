#include "gateway/blob_transfer.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/unique_fd.h"
#include "gateway/edge_error.h"

namespace bimodal::gateway {
namespace {

Error errno_as(std::string_view operation, const std::filesystem::path& path) {
  const Code code = errno == ENOSPC || errno == EDQUOT ? Code::ResourceExhausted : Code::Internal;
  return {code, fmt::format("{} {}: {}", operation, path.string(), std::strerror(errno))};
}

EdgeError as_edge_error(const Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return {404, "unknown-blob", error.message};
    case Code::InvalidArgument:
      return {400, "bad-blob", error.message};
    case Code::ResourceExhausted:
      return {507, "storage-full", error.message};
    default:
      return internal(error.message);
  }
}

}  // namespace

BlobTransfer::BlobTransfer(
    http::Reactor& reactor, BlockingPool& blocking, BlobGate& gate, http::Caller& client, const RequestId& id,
    std::string token)
    : blocking_(blocking),
      gate_(gate),
      client_(&client),
      id_(id),
      token_(std::move(token)),
      changed_(reactor.loop().executor()) {
  client.attach(*this);
}

void BlobTransfer::on_gone() {
  client_ = nullptr;
  changed_.notify_all();
}

void BlobTransfer::refuse(const Error& error) {
  http::Caller* client = std::exchange(client_, nullptr);
  if (!client) return;
  if (client->response_begun()) return client->abort();
  reply_error(*client, id_, as_edge_error(error));
}

// The file that an upload goes to, with the checksum of what was written. Its methods block. An uncommitted file is
// removed with its object.
struct BlobUpload::File {
  ~File() {
    EVP_MD_CTX_free(digest);
    if (fd && !committed) ::unlink(path.c_str());
  }

  Result<void> open(BlobGate& gate, const std::string& token, std::uint64_t size) {
    TRY(path, gate.open_upload(token, size));
    fd = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) return tl::unexpected(errno_as("create", path));
    EVP_DigestInit_ex(digest, EVP_md5(), nullptr);
    return {};
  }

  Result<void> write(std::string_view bytes) {
    EVP_DigestUpdate(digest, bytes.data(), bytes.size());
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return tl::unexpected(errno_as("write to", path));
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<std::string> commit(BlobGate& gate, const std::string& token) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    EVP_DigestFinal_ex(digest, bytes.data(), &size);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes[i]);
    TRY_VOID(gate.commit_upload(token, hex));
    committed = true;
    return hex;
  }

  std::filesystem::path path;
  UniqueFd fd;
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  bool committed = false;
};

Task<void> BlobUpload::run(std::shared_ptr<BlobUpload> upload, std::uint64_t size) {
  BlobUpload& self = *upload;
  auto file = std::make_shared<File>();
  auto open = [&self, file, size] { return file->open(self.gate_, self.token_, size); };
  Result<void> good = co_await self.blocking_.run(std::move(open));
  self.ended_ = size == 0;
  if (good) good = co_await self.receive(*file);
  if (good && self.client_) {
    auto commit = [&self, file] { return file->commit(self.gate_, self.token_); };
    Result<std::string> md5_hex = co_await self.blocking_.run(std::move(commit));
    if (md5_hex) co_return self.answer(*md5_hex);
    good = tl::unexpected(md5_hex.error());
  }
  // Removing what is left of it blocks.
  auto drop = [file = std::move(file)]() mutable {
    file.reset();
    return true;
  };
  co_await self.blocking_.run(std::move(drop));
  if (!good) self.refuse(good.error());
}

void BlobUpload::on_body(std::string_view bytes, http::Part part) {
  received_.append(bytes);
  ended_ = part == http::Part::Last;
  changed_.notify_all();
}

Task<Result<void>> BlobUpload::receive(File& file) {
  if (client_) client_->send_continue();
  if (client_ && !ended_) client_->grant_body(kWindow);
  while (client_ && !(ended_ && received_.empty())) {
    if (received_.empty()) {
      co_await changed_.wait(Deadline::never());
      continue;
    }
    std::string bytes = std::exchange(received_, {});
    const std::size_t size = bytes.size();
    auto write = [&file, bytes = std::move(bytes)] { return file.write(bytes); };
    CO_TRY_VOID(co_await blocking_.run(std::move(write)));
    if (client_ && !ended_) client_->grant_body(size);
  }
  co_return Result<void>();
}

void BlobUpload::answer(const std::string& md5_hex) {
  http::Caller* client = std::exchange(client_, nullptr);
  if (!client) return;
  const std::string etag = "\"" + md5_hex + "\"";
  const http::Field fields[] = {{"etag", etag}, {kRequestIdHeader, text_of(id_)}};
  client->reply(200, fields, "");
}

namespace {

struct OpenFile {
  UniqueFd fd;
  std::uint64_t offset = 0, size = 0;
};

Result<OpenFile> open_blob(BlobGate& gate, const std::string& token) {
  TRY(BlobPart part, gate.open_download(token));
  OpenFile file{.fd = UniqueFd(::open(part.file.c_str(), O_RDONLY | O_CLOEXEC))};
  struct stat facts{};
  if (!file.fd || ::fstat(file.fd.get(), &facts) < 0) return tl::unexpected(errno_as("open", part.file));
  const auto whole = static_cast<std::uint64_t>(facts.st_size);
  file.offset = std::min(part.offset, whole);
  file.size = part.size == 0 ? whole - file.offset : std::min(part.size, whole - file.offset);
  return file;
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  if (count <= 0) return tl::unexpected(errno_as("read", "a blob"));
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

}  // namespace

Task<void> BlobDownload::run(std::shared_ptr<BlobDownload> download) {
  BlobDownload& self = *download;
  auto open = [&self] { return open_blob(self.gate_, self.token_); };
  Result<OpenFile> file = co_await self.blocking_.run(std::move(open));
  if (!file) co_return self.refuse(file.error());
  if (!self.client_) co_return;
  const http::Field fields[] = {{"content-type", "application/octet-stream"}, {kRequestIdHeader, text_of(self.id_)}};
  http::ResponseHead head{.status = 200, .fields = fields, .extra = {}, .body_size = file->size};
  if (!self.client_->begin_response(head)) co_return;
  Result<void> sent = co_await self.send(file->fd.get(), file->offset, file->size);
  if (!sent) co_return self.refuse(sent.error());
  if (self.client_) std::exchange(self.client_, nullptr)->finish();
}

Task<Result<void>> BlobDownload::send(int file, std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t end = offset + size;
  while (client_ && offset < end) {
    if (client_->unsent() > 0) {
      co_await changed_.wait(Deadline::never());
      continue;
    }
    const std::size_t count = std::min<std::uint64_t>(kWindow, end - offset);
    auto read = [file, offset, count] { return read_at(file, offset, count); };
    CO_TRY(std::string bytes, co_await blocking_.run(std::move(read)));
    offset += bytes.size();
    if (client_) client_->write(bytes);
  }
  co_return Result<void>();
}

}  // namespace bimodal::gateway
