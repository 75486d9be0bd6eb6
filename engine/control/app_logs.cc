#include "control/app_logs.h"

#include <algorithm>

#include "control/clock.h"
#include "control/log_messages.h"
#include "rpc/fields.h"
#include "runtime/containers.h"

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kMaxHold = 60s;          // of one stream
constexpr auto kStoppingPoll = 200ms;   // while the app's containers end
constexpr double kMaxStoppingSecs = 6;  // a client waits 10 s for the end of the log
constexpr std::size_t kRecordsAtOnce = 1000;
constexpr std::uint32_t kMaxFetch = 20'000;
constexpr std::size_t kMaxFetchBytes = 48 << 20;  // JavaScript and Go take messages of 100 MiB

std::int64_t unix_ns(const google::protobuf::Timestamp& at) {
  return at.seconds() * 1'000'000'000 + at.nanos();
}

// What logs can't be told apart by would silently select everything.
template <typename Request>
Result<void> refuse_unknown_filters(const Request& request) {
  return rpc::refuse_fields("the log", request, {{"sandbox_id", "by sandbox"}, {"parametrized_function_id", ""}});
}

template <typename Request>
store::LogFilter window_filter(const Request& request) {
  store::LogFilter filter;
  filter.task_id = request.task_id();
  filter.function_id = request.function_id();
  filter.stream = request.source();
  filter.contains = request.search_text();
  filter.function_call_id = request.function_call_id();
  filter.since_ns = unix_ns(request.since());
  filter.until_ns = unix_ns(request.until());
  return filter;
}

store::LogFilter stream_filter(const api::AppGetLogsRequest& request) {
  store::LogFilter filter;
  filter.task_id = request.task_id();
  filter.function_id = request.function_id();
  filter.input_id = request.input_id();
  filter.function_call_id = request.function_call_id();
  filter.stream = request.file_descriptor();
  filter.contains = request.search_text();
  return filter;
}

struct Page {
  std::vector<store::LogRecord> records;
  std::uint64_t last = 0;  // sequence of the newest record there is
};

// The newest records that fit into one answer.
void cut_to_fit(std::vector<store::LogRecord>& records) {
  std::size_t bytes = 0;
  auto keep = records.end();
  while (keep != records.begin() && bytes + std::prev(keep)->entry.text.size() < kMaxFetchBytes) {
    --keep;
    bytes += keep->entry.text.size() + 64;
  }
  records.erase(records.begin(), keep);
}

}  // namespace

struct AppLogs::Follower {
  std::string app_id;
  store::LogFilter filter;
  std::uint64_t cursor = 0;
  Deadline deadline = Deadline::never();
  std::shared_ptr<LogPulses::Watch> watch;
};

AppLogs::AppLogs(Context& context, Registry& registry, rpc::Service& service)
    : context_(context),
      registry_(registry),
      pulses_(std::make_shared<LogPulses>(context.executor)),
      scope_(context.executor, "app logs") {
  service.stream("AppGetLogs", this, &AppLogs::get);
  service.query("AppFetchLogs", this, &AppLogs::fetch);
  service.query("AppCountLogs", this, &AppLogs::count);
  std::weak_ptr<LogPulses> pulses = pulses_;
  context_.logs.on_append([pulses](const std::string& app_id) {
    if (auto alive = pulses.lock()) alive->log_grew(app_id);
  });
  scope_.spawn(watch_apps());
}

AppLogs::~AppLogs() {
  context_.logs.on_append({});
}

Task<void> AppLogs::close() {
  co_await scope_.close();
}

Task<void> AppLogs::watch_apps() {
  while (co_await registry_.changed().wait(Deadline::never())) pulses_->wake_all();
}

Task<Result<store::App>> AppLogs::load_app(std::string app_id) const {
  auto find = [app_id](store::Transaction& transaction) { return store::AppTable(transaction).find(app_id); };
  CO_TRY(auto app, co_await context_.transact(std::move(find)));
  if (!app) co_return error(Code::NotFound, "no app {}", app_id);
  co_return *std::move(app);
}

// A container's log can be asked for by its id alone, while it runs and for some time after.
Task<Result<std::string>> AppLogs::app_of(std::string app_id, std::string task_id) const {
  if (app_id.empty()) {
    const auto task = context_.containers->find(task_id);
    if (!task) co_return error(Code::NotFound, "no container {} runs, or ended lately: ask for its app's log", task_id);
    app_id = task->app_id;
  }
  CO_TRY_VOID(co_await load_app(app_id));
  co_return app_id;
}

Task<Result<void>> AppLogs::get(rpc::Call call, api::AppGetLogsRequest request, LogsWriter writer) {
  CO_TRY_VOID(refuse_unknown_filters(request));
  Follower follower;
  CO_TRY(follower.app_id, co_await app_of(request.app_id(), request.task_id()));
  follower.filter = stream_filter(request);
  auto hold = std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(request.timeout(), 0.0f, 1e6f) * 1000));
  follower.deadline = Deadline::after(std::min<std::chrono::milliseconds>(hold, kMaxHold)).or_earlier(call.deadline);
  follower.watch = pulses_->watch(follower.app_id);

  CO_TRY(store::App app, co_await load_app(follower.app_id));
  auto find_end = [&logs = context_.logs, app_id = follower.app_id] { return logs.last_sequence(app_id); };
  std::uint64_t last = co_await context_.pool.run(std::move(find_end));
  // Who follows a deployed app wants what comes; an ephemeral app's client wants everything from its start.
  bool from_now = request.last_entry_id().empty() && app.state == store::AppState::Deployed && request.timeout() > 0;
  follower.cursor = from_now ? last : std::min(cursor_of(request.last_entry_id()), last);
  if (request.last_entry_id().empty()) {
    api::TaskLogsBatch start;  // so that a reconnect goes on from here even if nothing is said meanwhile
    start.set_entry_id(std::to_string(follower.cursor));
    if (!co_await writer.write(std::move(start))) co_return Result<void>();
  }
  co_return co_await follow(follower, writer);
}

Task<Result<void>> AppLogs::follow(Follower& follower, LogsWriter& writer) {
  while (true) {
    std::uint64_t seen = follower.watch->changes;
    CO_TRY(store::App app, co_await load_app(follower.app_id));
    bool stuck = app.stopped() && unix_now() - app.stopped_at > kMaxStoppingSecs;
    bool done = app.state == store::AppState::Stopped || stuck;
    if (!co_await send_new(follower, writer)) co_return Result<void>();
    if (done) {
      api::TaskLogsBatch end;
      end.set_app_done(true);
      co_await writer.write(std::move(end));
      co_return Result<void>();
    }
    if (follower.deadline.passed()) co_return Result<void>();
    if (follower.watch->changes != seen) continue;
    Deadline next = follower.deadline;
    if (app.stopped()) next = next.or_earlier(Deadline::after(kStoppingPoll));
    co_await follower.watch->pulse.wait(next);
  }
}

// False when the caller is gone.
Task<bool> AppLogs::send_new(Follower& follower, LogsWriter& writer) {
  while (true) {
    auto read = [&logs = context_.logs, follower] {
      // The end is taken first: what stands before it was looked at then, whether it passed the filter or not.
      std::uint64_t last = logs.last_sequence(follower.app_id);
      return Page{logs.after(follower.app_id, follower.cursor, kRecordsAtOnce, follower.filter), last};
    };
    Page page = co_await context_.pool.run(std::move(read));
    bool all = page.records.size() < kRecordsAtOnce;
    if (!page.records.empty()) follower.cursor = page.records.back().sequence;
    if (all) follower.cursor = std::max(follower.cursor, page.last);
    for (api::TaskLogsBatch& batch : batches_of(page.records)) {
      if (!co_await writer.write(std::move(batch))) co_return false;
    }
    if (all) co_return true;
  }
}

Task<Result<api::AppFetchLogsResponse>> AppLogs::fetch(rpc::Call, api::AppFetchLogsRequest request) {
  CO_TRY_VOID(refuse_unknown_filters(request));
  CO_TRY(std::string app_id, co_await app_of(request.app_id(), request.task_id()));
  std::uint32_t limit = request.limit() == 0 ? kMaxFetch : std::min(request.limit(), kMaxFetch);
  auto read = [&logs = context_.logs, app_id, limit, filter = window_filter(request)] {
    std::vector<store::LogRecord> records = logs.tail(app_id, limit, filter);
    cut_to_fit(records);
    return records;
  };
  std::vector<store::LogRecord> records = co_await context_.pool.run(std::move(read));
  api::AppFetchLogsResponse response;
  for (api::TaskLogsBatch& batch : batches_of(records)) *response.add_batches() = std::move(batch);
  co_return response;
}

Task<Result<api::AppCountLogsResponse>> AppLogs::count(rpc::Call, api::AppCountLogsRequest request) {
  CO_TRY_VOID(refuse_unknown_filters(request));
  if (request.bucket_secs() == 0) co_return error(Code::InvalidArgument, "AppCountLogs: bucket_secs is 0");
  CO_TRY(std::string app_id, co_await app_of(request.app_id(), request.task_id()));
  auto read = [&logs = context_.logs, app_id, bucket_secs = request.bucket_secs(), filter = window_filter(request)] {
    LogCounter counter(bucket_secs);
    std::uint64_t cursor = 0;
    while (true) {
      std::vector<store::LogRecord> records = logs.after(app_id, cursor, kMaxFetch, filter);
      for (const store::LogRecord& record : records) counter.add(record);
      if (records.size() < kMaxFetch) return counter;
      cursor = records.back().sequence;
    }
  };
  LogCounter counter = co_await context_.pool.run(std::move(read));
  api::AppCountLogsResponse response;
  response.set_app_id(app_id);
  counter.write_to(response);
  co_return response;
}

}  // namespace bimodal::control
