#include "control/sandbox_streams.h"

#include <algorithm>
#include <charconv>

#include "control/clock.h"
#include "control/utf8.h"

namespace bimodal::control {
namespace {

namespace router = modal::task_command_router;

using runtime::ExecOutput;

constexpr auto kMaxHold = std::chrono::seconds(60);  // of one stream of V1

std::uint64_t offset_in(const std::string& entry_id) {
  std::uint64_t offset = 0;
  std::from_chars(entry_id.data(), entry_id.data() + entry_id.size(), offset);
  return offset;
}

// From `offset` on or, when that is kept no more, from the oldest byte that is; "" at the end.
struct Piece {
  std::uint64_t offset = 0;
  std::string bytes;
};
Task<Result<Piece>> read_piece(ExecOutput& output, std::uint64_t offset) {
  while (true) {
    Piece piece{std::max(offset, output.first()), ""};
    auto bytes = co_await output.read(piece.offset);
    if (!bytes && piece.offset < output.first()) continue;  // more came while it waited than is kept
    if (!bytes) co_return tl::unexpected<Error>(bytes.error());
    piece.bytes = *std::move(bytes);
    co_return piece;
  }
}

api::TaskLogsBatch batch_of(api::FileDescriptor descriptor, std::string text, std::uint64_t end) {
  api::TaskLogsBatch batch;
  batch.set_entry_id(std::to_string(end));
  auto& item = *batch.add_items();
  item.set_data(valid_utf8(std::move(text)));
  item.set_file_descriptor(descriptor);
  item.set_timestamp(unix_now());
  return batch;
}

}  // namespace

SandboxStreams::SandboxStreams(Sandboxes& sandboxes, const RouterTokens& tokens, rpc::Service& service)
    : sandboxes_(sandboxes), tokens_(tokens) {
  service.stream("SandboxGetLogs", this, &SandboxStreams::get_logs);
  service.mutation("SandboxStdinWrite", this, &SandboxStreams::write);
  service.stream("SandboxStdioReadV2", this, &SandboxStreams::read_v2);
  service.query("SandboxStdinWriteV2", this, &SandboxStreams::write_v2);
  service.query("TaskReloadVolumes", this, &SandboxStreams::reload);
}

// A batch's entry_id is the offset behind its text.
Task<Result<void>> SandboxStreams::get_logs(rpc::Call call, api::SandboxGetLogsRequest request, LogsWriter writer) {
  if (call.caller.kind != rpc::Caller::Kind::Client)
    co_return error(Code::PermissionDenied, "{} is for clients", call.rpc);
  CO_TRY(const Sandboxes::Entry* entry, sandboxes_.find(request.sandbox_id()));
  const Sandboxes::Container container = entry->container;
  ExecOutput& output = request.file_descriptor() == api::FILE_DESCRIPTOR_STDERR ? container->err() : container->out();
  const ExecOutput::Reader reader(output);
  const auto hold =
      std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(request.timeout(), 0.f, 1e6f) * 1000));
  const Deadline deadline =
      Deadline::after(std::min<std::chrono::milliseconds>(hold, kMaxHold)).or_earlier(call.deadline);
  std::uint64_t offset = offset_in(request.last_entry_id());
  std::uint64_t wanted = offset;  // wait until there is more than this: behind what is no whole character yet
  while (true) {
    const bool more = co_await output.wait(wanted, deadline);
    if (!more) co_return Result<void>();
    CO_TRY(Piece piece, co_await read_piece(output, offset));
    const std::uint64_t end = piece.offset + piece.bytes.size();
    const bool last = output.at_end(end);
    if (!last) piece.bytes.resize(whole_characters(piece.bytes));
    offset = piece.offset + piece.bytes.size();
    wanted = end;
    if (!piece.bytes.empty()) {
      const bool taken = co_await writer.write(batch_of(request.file_descriptor(), std::move(piece.bytes), offset));
      if (!taken) co_return Result<void>();
    }
    if (!last) continue;
    api::TaskLogsBatch end_of_output;
    end_of_output.set_entry_id(std::to_string(offset));
    end_of_output.set_eof(true);
    co_await writer.write(std::move(end_of_output));
    co_return Result<void>();
  }
}

// Pieces are numbered from 1; one that came before is a repeated attempt.
Task<Result<api::SandboxStdinWriteResponse>> SandboxStreams::write(
    rpc::Call call, api::SandboxStdinWriteRequest request) {
  if (call.caller.kind != rpc::Caller::Kind::Client)
    co_return error(Code::PermissionDenied, "{} is for clients", call.rpc);
  CO_TRY(Sandboxes::Entry * entry, sandboxes_.find(request.sandbox_id()));
  if (request.index() <= entry->input_index) co_return api::SandboxStdinWriteResponse();
  entry->input_index = request.index();
  const Sandboxes::Container container = entry->container;
  CO_TRY_VOID(co_await container->write(container->input_bytes(), std::move(*request.mutable_input())));
  if (request.eof()) container->end_input();
  co_return api::SandboxStdinWriteResponse();
}

Result<Sandboxes::Container> SandboxStreams::container_of(const rpc::Call& call, const std::string& task_id) const {
  TRY_VOID(tokens_.check(call, task_id));
  if (auto container = sandboxes_.find_by_task(task_id)) return container;
  return error(Code::NotFound, "container {} is no sandbox's, or ended some time ago", task_id);
}

Task<Result<void>> SandboxStreams::read_v2(rpc::Call call, PieceRequest request, PieceWriter writer) {
  CO_TRY(const Sandboxes::Container container, container_of(call, request.task_id()));
  ExecOutput& output =
      request.file_descriptor() == router::SANDBOX_STDIO_FILE_DESCRIPTOR_STDERR ? container->err() : container->out();
  const ExecOutput::Reader reader(output);
  std::uint64_t offset = request.offset();
  while (true) {
    CO_TRY(Piece piece, co_await read_piece(output, offset));
    if (piece.bytes.empty()) co_return Result<void>();
    offset = piece.offset + piece.bytes.size();
    router::SandboxStdioReadV2Response response;
    response.set_starting_offset(piece.offset);
    response.set_data(std::move(piece.bytes));
    const bool taken = co_await writer.write(std::move(response));
    if (!taken) co_return Result<void>();
  }
}

Task<Result<SandboxStreams::InputResponse>> SandboxStreams::write_v2(rpc::Call call, InputRequest request) {
  CO_TRY(const Sandboxes::Container container, container_of(call, request.task_id()));
  CO_TRY_VOID(co_await container->write(request.offset(), std::move(*request.mutable_data())));
  if (request.eof()) container->end_input();
  co_return InputResponse();
}

Task<Result<SandboxStreams::ReloadResponse>> SandboxStreams::reload(rpc::Call call, ReloadRequest request) {
  CO_TRY(const Sandboxes::Container container, container_of(call, request.task_id()));
  CO_TRY_VOID(co_await container->reload_volumes());
  co_return ReloadResponse();
}

}  // namespace bimodal::control
