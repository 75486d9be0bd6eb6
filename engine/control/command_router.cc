#include "control/command_router.h"

#include <sys/wait.h>

#include <algorithm>

#include "control/secret_variables.h"
#include "rpc/fields.h"
#include "runtime/containers.h"

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;
using runtime::ExecRequest;

constexpr auto kReaderPatience = 50ms;  // after a command's end, for a reader of what it wrote
constexpr auto kReadingPatience = 1s;
constexpr int kMaxTerminalSide = 10'000;
constexpr std::string_view kFileTool = "/modal-sandbox-fs-tools";  // what the client's file API runs (protocol §10.11)

ExecRequest::Output output_of(router::TaskExecStdoutConfig config) {
  return config == router::TASK_EXEC_STDOUT_CONFIG_PIPE ? ExecRequest::Output::Pipe : ExecRequest::Output::Discard;
}

ExecRequest::Output output_of(router::TaskExecStderrConfig config) {
  if (config == router::TASK_EXEC_STDERR_CONFIG_STDOUT) return ExecRequest::Output::ToStdout;
  return config == router::TASK_EXEC_STDERR_CONFIG_PIPE ? ExecRequest::Output::Pipe : ExecRequest::Output::Discard;
}

int terminal_side(std::uint32_t asked, int otherwise) {
  return asked == 0 ? otherwise : static_cast<int>(std::min<std::uint32_t>(asked, kMaxTerminalSide));
}

void set_terminal(ExecRequest& exec, const api::PTYInfo& info) {
  exec.terminal = {.rows = terminal_side(info.winsz_rows(), 24), .columns = terminal_side(info.winsz_cols(), 80)};
  exec.env.emplace("TERM", info.env_term().empty() ? "xterm-256color" : info.env_term());
  if (!info.env_colorterm().empty()) exec.env.emplace("COLORTERM", info.env_colorterm());
  if (!info.env_term_program().empty()) exec.env.emplace("TERM_PROGRAM", info.env_term_program());
}

template <typename Response>
Response status_response(std::optional<int> status) {
  Response response;
  if (!status) return response;
  if (WIFSIGNALED(*status)) {
    response.set_signal(WTERMSIG(*status));
  } else {
    response.set_code(WEXITSTATUS(*status));
  }
  return response;
}

}  // namespace

CommandRouter::CommandRouter(Context& context, const RouterTokens& tokens, rpc::Service& service)
    : context_(context), tokens_(tokens), told_(context.executor) {
  service.query("TaskGetCommandRouterAccess", this, &CommandRouter::access);
  service.mutation("TaskExecStart", this, &CommandRouter::start);
  service.stream("TaskExecStdioRead", this, &CommandRouter::read);
  service.query("TaskExecStdinWrite", this, &CommandRouter::write);
  service.query("TaskExecStdinStatus", this, &CommandRouter::input_status);
  service.query("TaskExecPoll", this, &CommandRouter::poll);
  service.query("TaskExecWait", this, &CommandRouter::wait);
}

Task<Result<api::TaskGetCommandRouterAccessResponse>> CommandRouter::access(
    rpc::Call call, api::TaskGetCommandRouterAccessRequest request) {
  CO_TRY(const api::CommandRouterAccess access, tokens_.issue(call, request.task_id()));
  const auto task = context_.containers->find(request.task_id());
  if (!task || task->finished_at.time_since_epoch().count() != 0) {
    co_return error(Code::NotFound, "no container {} runs", request.task_id());
  }
  api::TaskGetCommandRouterAccessResponse response;
  response.set_jwt(access.jwt());
  response.set_url(access.url());
  co_return response;
}

template <typename Request>
Result<CommandRouter::Kept> CommandRouter::find(const rpc::Call& call, const Request& request) const {
  TRY_VOID(tokens_.check(call, request.task_id()));
  auto found = execs_.find({request.task_id(), request.exec_id()});
  if (found != execs_.end() && found->second.exec) return found->second;
  return error(Code::NotFound, "container {} has no command {}", request.task_id(), request.exec_id());
}

void CommandRouter::forget_old() {
  for (auto& [key, kept] : execs_) {
    if (kept.exec && kept.exec->status() && !kept.until) kept.until = Deadline::after(kKeep);
  }
  std::erase_if(execs_, [](const auto& entry) { return entry.second.until && entry.second.until->passed(); });
}

Task<Result<std::map<std::string, std::string>>> CommandRouter::environment_of(
    const router::TaskExecStartRequest& request) {
  std::vector<std::string> secret_ids(request.secret_ids().begin(), request.secret_ids().end());
  std::map<std::string, std::string> own(request.env().begin(), request.env().end());
  for (const auto& source : request.secret_sources()) {
    if (source.has_env()) own.insert(source.env().contents().begin(), source.env().contents().end());
    if (!source.secret_id().empty()) secret_ids.push_back(source.secret_id());
  }
  if (secret_ids.empty()) co_return own;
  auto load = [this, secret_ids](store::Transaction& transaction) {
    return secret_variables(transaction, context_.secret_box, secret_ids);
  };
  CO_TRY(auto variables, co_await context_.transact(std::move(load)));
  own.insert(variables.begin(), variables.end());
  co_return own;
}

Task<Result<router::TaskExecStartResponse>> CommandRouter::start(rpc::Call call, router::TaskExecStartRequest request) {
  CO_TRY_VOID(tokens_.check(call, request.task_id()));
  CO_TRY_VOID(rpc::refuse_fields("exec", request, {{"container_id", "a container of a sandbox"}}));
  if (request.command_args_size() > 0 && request.command_args(0).ends_with(kFileTool)) {
    co_return error(
        Code::Unimplemented,
        "the file API of sandboxes is not available on this server: use sandbox.exec(\"cat\", path), or a "
        "modal.Volume");
  }
  if (request.command_args().empty()) co_return error(Code::InvalidArgument, "exec: no command");
  forget_old();
  const Key key{request.task_id(), request.exec_id()};
  if (execs_.contains(key)) co_return router::TaskExecStartResponse();  // a repeated attempt
  if (execs_.size() >= kMaxKept) {
    co_return error(Code::ResourceExhausted, "{} commands run or ended lately; wait some minutes", execs_.size());
  }
  execs_[key];
  ExecRequest exec;
  exec.argv.assign(request.command_args().begin(), request.command_args().end());
  exec.workdir = request.workdir();
  exec.out = output_of(request.stdout_config());
  exec.err = output_of(request.stderr_config());
  exec.timeout = std::chrono::seconds(request.timeout_secs());
  auto env = co_await environment_of(request);
  if (env) {
    exec.env = *std::move(env);
    if (request.has_pty_info() && request.pty_info().enabled()) set_terminal(exec, request.pty_info());
    auto started = co_await context_.containers->exec(request.task_id(), std::move(exec));
    if (started) {
      execs_[key].exec = *std::move(started);
      co_return router::TaskExecStartResponse();
    }
    env = tl::unexpected<Error>(started.error());
  }
  execs_.erase(key);
  co_return tl::unexpected<Error>(env.error());
}

Task<Result<void>> CommandRouter::read(
    rpc::Call call, router::TaskExecStdioReadRequest request, rpc::Writer<router::TaskExecStdioReadResponse> writer) {
  CO_TRY(const Kept kept, find(call, request));
  const bool wants_err = request.file_descriptor() == router::TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR;
  runtime::ExecOutput& output = wants_err ? kept.exec->err() : kept.exec->out();
  const std::shared_ptr<Told> told = wants_err ? kept.err : kept.out;
  ++told->readers;
  const std::shared_ptr<void> leave(nullptr, [this, told](void*) {
    --told->readers;
    told_.notify_all();
  });
  told_.notify_all();
  std::uint64_t offset = request.offset();
  while (true) {
    CO_TRY(std::string piece, co_await output.read(offset));
    if (piece.empty()) co_return Result<void>();
    offset += piece.size();
    router::TaskExecStdioReadResponse response;
    response.set_data(std::move(piece));
    const bool taken = co_await writer.write(std::move(response));
    if (!taken) co_return Result<void>();
    told->bytes = std::max(told->bytes, offset);
    told_.notify_all();
  }
}

Task<Result<router::TaskExecStdinWriteResponse>> CommandRouter::write(
    rpc::Call call, router::TaskExecStdinWriteRequest request) {
  CO_TRY(const Kept kept, find(call, request));
  CO_TRY_VOID(co_await kept.exec->input().write(request.offset(), std::move(*request.mutable_data())));
  if (request.eof()) kept.exec->input().end();
  co_return router::TaskExecStdinWriteResponse();
}

Task<Result<router::TaskExecStdinStatusResponse>> CommandRouter::input_status(
    rpc::Call call, router::TaskExecStdinStatusRequest request) {
  CO_TRY(const Kept kept, find(call, request));
  router::TaskExecStdinStatusResponse response;
  response.set_num_bytes_written(kept.exec->input().bytes());
  response.set_closed(kept.exec->input().closed());
  co_return response;
}

Task<Result<router::TaskExecPollResponse>> CommandRouter::poll(rpc::Call call, router::TaskExecPollRequest request) {
  CO_TRY(const Kept kept, find(call, request));
  co_return status_response<router::TaskExecPollResponse>(kept.exec->status());
}

// A client's command line leaves as soon as it knows the status, whether it has shown all output or not. So it is told
// after the output, where somebody reads that, or begins to.
Task<void> CommandRouter::hand_over(
    runtime::ExecOutput& output, std::shared_ptr<Told> told, Deadline begin, Deadline end) {
  auto patience = [&] { return told->readers > 0 ? end : begin; };
  Deadline deadline = patience();
  bool goes_on = co_await output.wait(told->bytes, deadline);
  while (goes_on && !output.at_end(told->bytes)) {
    deadline = patience();
    goes_on = co_await told_.wait(deadline);
  }
}

Task<Result<router::TaskExecWaitResponse>> CommandRouter::wait(rpc::Call call, router::TaskExecWaitRequest request) {
  CO_TRY(const Kept kept, find(call, request));
  const auto status = co_await kept.exec->wait(call.deadline);
  if (!status) co_return error(Code::DeadlineExceeded, "the command still runs");
  const Deadline begin = Deadline::after(kReaderPatience), end = Deadline::after(kReadingPatience);
  co_await hand_over(kept.exec->out(), kept.out, begin, end);
  co_await hand_over(kept.exec->err(), kept.err, begin, end);
  co_return status_response<router::TaskExecWaitResponse>(status);
}

}  // namespace bimodal::control
