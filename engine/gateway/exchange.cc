#include "gateway/exchange.h"

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <span>
#include <utility>

#include "async/pulse.h"
#include "gateway/front.h"
#include "gateway/request_encoder.h"
#include "http/chars.h"
#include "wire/frame.h"

namespace bimodal::gateway {
namespace {

constexpr std::size_t kUploadSlice = wire::kInitialCredit;         // at most so much is granted to the client at a time
constexpr std::size_t kReturnCreditAt = wire::kInitialCredit / 2;  // credit goes back in pieces of at least so much
constexpr std::size_t kMaxUnsent = wire::kInitialCredit / 4;       // and only while less than this waits for the caller
constexpr std::uint64_t kMaxUploadCredit = 16 << 20;               // a runner that claims more is held to this
constexpr std::size_t kMaxTrailers = wire::kMaxPayload;            // in memory, however many frames they come in
constexpr int kMaxRetries = 50;
constexpr std::chrono::milliseconds kRetryPause{100};
constexpr int kMaxContainersLost = 5;  // under one request, before it is given up
// A request's frames: their body is within the first credit, but may have come in many small pieces.
constexpr std::size_t kMaxKept = wire::kMaxPayload + 2 * wire::kInitialCredit;
constexpr std::chrono::seconds kCancelPatience{5};  // for a cancelled request to end before its container is killed

// What the headers say about the container that a request should go to.
std::uint64_t affinity_of(const http::RequestHead& head) {
  for (const http::Field& field : head.fields) {
    if (field.name != "modal-session-id" && field.name != "modal-routing-affinity-key") continue;
    return std::hash<std::string_view>()(field.value) | 1;
  }
  return 0;
}

}  // namespace

// Shared by an exchange and a coroutine that waits for it; each may end first.
struct Awaited {
  Awaited(Exchange& exchange, const boost::asio::any_io_executor& executor) : exchange(&exchange), gone(executor) {}
  Exchange* exchange;  // null: the caller is gone
  Pulse gone;
};

namespace {

Task<void> await_slot(
    std::shared_ptr<Awaited> wait, std::shared_ptr<scheduler::Pool> pool, Deadline deadline, scheduler::QueueEnd end) {
  using boost::asio::experimental::awaitable_operators::operator||;
  auto first = co_await (pool->acquire(deadline, end) || wait->gone.wait(Deadline::never()));
  // A slot that came too late goes back with `first`.
  if (wait->exchange && first.index() == 0) wait->exchange->on_slot(std::move(std::get<0>(first)));
}

Task<void> await_end(
    std::shared_ptr<Awaited> wait, const scheduler::Functions& functions,
    std::shared_ptr<scheduler::Container> container, Deadline deadline) {
  auto exit = co_await functions.exit_of(std::move(container), deadline);
  if (wait->exchange) wait->exchange->on_container_end(exit);
}

}  // namespace

Exchange::Exchange(
    Front& front, http::Caller& client, const RequestId& id, std::shared_ptr<scheduler::PoolSource> source,
    std::shared_ptr<scheduler::Pool> pool, Traffic& traffic, Method method, const FunctionTraffic::Names& names)
    : front_(front),
      traffic_(traffic),
      client_(&client),
      id_(id),
      source_(std::move(source)),
      pool_(std::move(pool)),
      names_(&names) {
  begin_counting(method);
}

Exchange::~Exchange() {
  if (runner_) runner_->abandon(stream_);
  if (redirection_ && redirection_->registered) front_.unpark(redirection_->token);
  if (redirection_) front_.reactor().disarm(*redirection_);
  if (drain_watch_) front_.reactor().disarm(*drain_watch_);
  stop_waiting();
  front_.reactor().disarm(*this);
}

void Exchange::expect_websocket(http::WebSocketHandshake handshake) {
  handshake_ = std::move(handshake);
}

void Exchange::start(const http::RequestHead& head, const std::string& web_method) {
  client_->attach(*this);
  web_method_ = web_method;
  if (front_.shared().access_log) note_access(head);
  if (pool_->version().is_server) affinity_ = affinity_of(head);
  const bool redirects = front_.shared().limits.redirect_after.count() > 0;
  if (redirects && !handshake_ && tunnel_ == Tunnel::None) allow_redirect(head);
  opening_ = front_.reactor().buffers().take();
  const std::optional<Origin>& origin = front_.origin();
  const RequestFacts facts{
      .kind = handshake_                 ? wire::RequestKind::WebSocket
              : tunnel_ == Tunnel::Asked ? wire::RequestKind::Tunnel
                                         : wire::RequestKind::Http,
      .request_id = text_of(id_),
      .web_method = web_method,
      .client_host = origin ? std::string_view(origin->host) : std::string_view(client_->peer_host()),
      .client_port = origin ? std::uint16_t{0} : client_->peer_port(),
      .server_host = front_.address_host(*client_),
      .server_port = front_.address(*client_).port(),
      .https = origin && origin->https ? *origin->https : client_->secure(),
      .is_forwarded = origin.has_value(),
  };
  head_size_ = begin_request_frame(head, facts, front_.head_scratch(), opening_);
  if (head_size_ == 0) return fail(bad_request(431, "the request head has too many fields"));
  body_ended_ = !head.has_body();
  if (body_ended_) return;
  granted_ = std::min<std::size_t>(wire::kMaxInlineBody, wire::kMaxPayload - head_size_);
  client_->grant_body(granted_);
}

void Exchange::on_body(std::string_view bytes, http::Part part) {
  count_received(bytes.size());
  if (socket_) return socket_->on_bytes(bytes);
  granted_ -= bytes.size();
  body_size_ += bytes.size();
  body_ended_ = part == http::Part::Last;
  const std::uint64_t limit = front_.shared().limits.max_body_bytes;
  if (body_size_ > limit && tunnel_ != Tunnel::Open) {
    fail(body_too_large(limit));
    return cancel(CancelReason::CallerGone);
  }
  if (runner_) {
    upload_credit_ -= bytes.size();
    if (!opening_.empty()) keep_for_another(bytes);
    if (trails_) trails_->to_server.pass(bytes);
    if (!cancelled_) runner_->send_body(stream_, bytes, part);
    pump_upload();
  } else if (sealed_) {
    append_body(bytes);
  } else {
    opening_.append(bytes);
  }
}

void Exchange::append_body(std::string_view bytes) {
  const std::uint8_t flags = body_ended_ ? wire::kEnd : 0;
  wire::append_frame(opening_, {.type = wire::FrameType::Body, .flags = flags}, bytes);
}

void Exchange::keep_for_another(std::string_view bytes) {
  const bool fits = opening_.size() + wire::kHeaderSize + bytes.size() <= kMaxKept;
  if (!fits || runner_->may_be_begun(stream_)) return forget_opening();
  append_body(bytes);
}

void Exchange::forget_opening() {
  if (!opening_.empty()) front_.reactor().buffers().give(std::exchange(opening_, {}));
}

// All that came with the head is in opening_ now, so a small request is one frame.
void Exchange::on_input_pause() {
  if (!socket_ && !runner_ && !wait_ && timer_use_ == TimerUse::None && client_) seek_slot();
}

void Exchange::seek_slot() {
  if (auto lease = pool_->try_acquire(affinity_)) return dispatch(std::move(*lease));
  wait_for_slot(scheduler::QueueEnd::Back);
}

// A server has no queue: another of its containers now, or none.
void Exchange::serve_or_turn_away() {
  if (auto lease = pool_->try_acquire(affinity_)) return dispatch(std::move(*lease));
  const std::optional<Error> why = pool_->turn_away();
  if (!why) return fail(server_not_ready());
  if (why->code == Code::ResourceExhausted) return fail(server_full(*why));
  on_slot(tl::unexpected(*why));
}

void Exchange::wait_for_slot(scheduler::QueueEnd end) {
  if (pool_->version().is_server) return serve_or_turn_away();
  const model::FunctionVersion& version = pool_->version();
  const Deadline deadline = Deadline::after(version.startup_timeout + version.timeout);
  wait_ = std::make_shared<Awaited>(*this, front_.reactor().loop().executor());
  waited_ = true;
  front_.scope().spawn(await_slot(wait_, pool_, deadline, end));
}

void Exchange::stop_waiting() {
  if (!wait_) return;
  wait_->exchange = nullptr;
  wait_->gone.notify_all();
  wait_.reset();
}

void Exchange::on_slot(Result<scheduler::Lease> slot) {
  wait_.reset();
  if (slot) return dispatch(std::move(*slot));
  if (slot.error().code != Code::Unavailable) return fail(no_slot(slot.error()));
  // That version is on its way out; the request belongs to the one that has replaced it.
  auto next = source_->pool();
  if (!next) return fail(no_pool(next.error()));
  pool_ = *std::move(next);
  if (++retries_ > kMaxRetries) return fail(no_slot(slot.error()));
  seek_slot();
}

void Exchange::dispatch(scheduler::Lease lease) {
  Result<ContainerLink*> runner = front_.link_to(lease.shared_container(), pool_->version(), web_method_);
  if (!runner && runner.error().code == Code::Unavailable) return go_elsewhere(std::move(lease));
  if (!runner) return retry_later();
  if (!std::exchange(sealed_, true)) seal_request_frame(opening_, head_size_, body_ended_);
  lease_.emplace(std::move(lease));
  if (!std::exchange(dispatched_, true)) count_slot();
  runner_ = *runner;
  stream_ = runner_->open(*this, opening_);
  upload_credit_ = wire::kInitialCredit - static_cast<std::size_t>(body_size_);  // all of it is in opening_
  download_credit_ = wire::kInitialCredit;
  const bool body_awaited = !body_ended_ && body_size_ == 0;
  const auto timeout = pool_->version().timeout, first = front_.shared().limits.first_message_timeout;
  if (body_awaited && first < timeout) {
    arm(TimerUse::FirstMessage, first);
  } else {
    arm(TimerUse::FunctionTimeout, timeout);
  }
  if (body_ended_) return;
  client_->send_continue();
  pump_upload();
}

// That container is gone: another one gets the request, of which nobody has seen anything yet, before those that wait.
void Exchange::go_elsewhere(scheduler::Lease lost) {
  traffic_.retries.add();
  lost.retire_container();
  front_.replace(lost.container().task_id());
  if (++containers_lost_ > kMaxContainersLost) return fail(container_gone());
  wait_for_slot(scheduler::QueueEnd::Front);
}

// The container can't be reached now.
void Exchange::retry_later() {
  traffic_.retries.add();
  if (++retries_ > kMaxRetries) return fail(container_gone());
  arm(TimerUse::Retry, kRetryPause);
}

// Lets the client's connection deliver as much as the runner takes, in slices, and none while the runner doesn't read.
void Exchange::pump_upload() {
  if (body_ended_ || !client_ || !runner_ || runner_->congested()) return;
  const std::size_t wanted = std::min(upload_credit_, kUploadSlice);
  // Not for every few bytes: half a slice at a time.
  if (granted_ >= wanted || (wanted == kUploadSlice && granted_ > kUploadSlice / 2)) return;
  const std::size_t more = wanted - granted_;
  granted_ += more;
  client_->grant_body(more);
}

void Exchange::on_credit(std::uint32_t bytes) {
  if (socket_) return socket_->on_credit(bytes);
  upload_credit_ = std::min<std::uint64_t>(upload_credit_ + bytes, kMaxUploadCredit);
  pump_upload();
}

void Exchange::on_uncongested() {
  if (socket_) return socket_->on_uncongested();
  pump_upload();
}

void Exchange::on_response(const wire::ResponseHead& head, std::string_view body, http::Part part) {
  if (socket_) return runner_->close();
  if (head.status == 101 && tunnel_ == Tunnel::Asked) return on_runner_switch(head, body, part);
  forget_opening();
  if (!take_credit(body.size())) return;
  if (is_parked()) {
    keep_head(head);
    return keep_body(body, part);
  }
  if (!client_) return;
  std::vector<http::Field>& fields = front_.field_scratch();
  fields.clear();
  for (const wire::Header& header : head.headers) fields.push_back({header.name, header.value});
  if (cold_start_) count_cold_start();
  std::array<http::Field, 3> extra;
  const std::span<const http::Field> told = own_fields(fields, extra);
  http::ResponseHead response{.status = head.status, .fields = fields, .extra = told};
  if (part == http::Part::Last) response.body_size = body.size();
  if (!client_->begin_response(response)) {
    fail(invalid_response());
    return cancel(CancelReason::CallerGone);
  }
  count_answer(head.status);
  count_sent(body.size());
  client_->write(body);
  if (part == http::Part::Last) return finish_response();
  watch_if_event_stream(fields);
  return_credit();
}

void Exchange::on_response_body(std::string_view bytes, http::Part part) {
  if (socket_) return runner_->close();
  if (!take_credit(bytes.size())) return;
  if (is_parked()) return keep_body(bytes, part);
  if (!client_) return;
  if (!client_->response_begun()) {
    fail(invalid_response());
    return cancel(CancelReason::CallerGone);
  }
  count_sent(bytes.size());
  if (trails_ && !pass_down(bytes)) return;
  client_->write(bytes);
  if (part == http::Part::Last) return finish_response();
  return_credit();
}

// False when the runner sent more than it may; its connection is closed then, and this exchange maybe over.
bool Exchange::take_credit(std::size_t bytes) {
  download_credit_ -= static_cast<std::int64_t>(bytes);
  owed_credit_ += bytes;
  if (download_credit_ >= 0) return true;
  runner_->close();
  return false;
}

void Exchange::on_sent() {
  if (socket_) return socket_->on_sent();
  return_credit();
}

void Exchange::return_credit() {
  if (!runner_ || !client_ || owed_credit_ < kReturnCreditAt || client_->unsent() > kMaxUnsent) return;
  download_credit_ += static_cast<std::int64_t>(owed_credit_);
  runner_->send_credit(stream_, static_cast<std::uint32_t>(std::exchange(owed_credit_, 0)));
}

void Exchange::on_trailers(const wire::Headers& trailers) {
  if (!client_ && !is_parked()) return;
  if (!trailers_) trailers_ = std::make_unique<Trailers>();
  for (const wire::Header& trailer : trailers) {
    trailers_->size += trailer.name.size() + trailer.value.size() + sizeof(Trailers::Field);
    if (trailers_->size > kMaxTrailers) {
      fail(invalid_response());
      return cancel(CancelReason::CallerGone);
    }
    trailers_->fields.emplace_back(trailer.name, trailer.value);
  }
}

void Exchange::finish_response() {
  http::Caller* client = part_with_caller();
  // The application hears that nobody will send the rest.
  if (!body_ended_) cancel(CancelReason::CallerGone);
  std::vector<http::Field> trailers;
  if (trailers_) {
    for (const auto& [name, value] : trailers_->fields) trailers.push_back({name, value});
  }
  client->finish(trailers);
  release_if_over();
}

// The runner has put the reason into the log, with its traceback.
void Exchange::on_abort(std::string_view) {
  fail(application_failed());
}

void Exchange::on_bad_answer(std::string_view reason) {
  fail(bad_answer(reason));
}

void Exchange::on_hang_up(std::string_view reason) {
  if (!client_ || client_->response_begun()) return on_bad_answer(reason);
  hung_up_ = reason;  // on_done() follows
}

void Exchange::on_done() {
  runner_ = nullptr;
  if (!hung_up_.empty() && client_) learn_end(lease_->shared_container());
  lease_.reset();
  front_.reactor().disarm(*this);
  if (wait_) return;
  if (socket_) {
    socket_->forget_runner();
    socket_->end(http::CloseCode::Normal, {});
  } else {
    fail(application_failed());
  }
  release_if_over();
}

void Exchange::on_lost(Loss loss) {
  runner_ = nullptr;
  if (drain_watch_) drain_watch_->left = is_leaving();
  scheduler::Lease lease = std::move(*lease_);
  lease_.reset();
  if (socket_) socket_->forget_runner();
  front_.reactor().disarm(*this);
  timer_use_ = TimerUse::None;
  if (loss == Loss::MaybeItsFault) loss = std::exchange(repeated_, true) ? Loss::Final : Loss::Repeatable;
  if (client_ && !cancelled_ && loss == Loss::Repeatable && !opening_.empty()) return go_elsewhere(std::move(lease));
  auto container = lease.shared_container();
  if (container && client_ && !client_->response_begun()) return learn_end(std::move(container));
  fail(container_gone());
  release_if_over();
}

// The connection breaks a moment before the container's end is known; its reason belongs into the answer.
void Exchange::learn_end(std::shared_ptr<scheduler::Container> container) {
  wait_ = std::make_shared<Awaited>(*this, front_.reactor().loop().executor());
  const Deadline deadline = Deadline::after(front_.shared().limits.exit_patience);
  front_.scope().spawn(await_end(wait_, front_.shared().functions, std::move(container), deadline));
}

void Exchange::on_container_end(const std::optional<scheduler::ContainerExit>& exit) {
  wait_.reset();
  const bool died = exit && exit->kind != scheduler::ExitKind::Finished;
  fail(died || hung_up_.empty() ? container_gone(exit) : bad_answer(hung_up_));
}

void Exchange::on_gone() {
  part_with_caller();
  if (socket_) socket_->on_gone();
  cancel(front_.draining() ? CancelReason::Draining : CancelReason::CallerGone);
  release_if_over();
}

void Exchange::on_timeout() {
  switch (std::exchange(timer_use_, TimerUse::None)) {
    case TimerUse::None:
      return;
    case TimerUse::Retry:
      return wait_for_slot(scheduler::QueueEnd::Front);
    case TimerUse::FirstMessage:
      return check_first_message();
    case TimerUse::FunctionTimeout:
      return time_out();
    case TimerUse::Farewell:
      arm(TimerUse::FunctionTimeout, pool_->version().timeout);
      return cancel(CancelReason::CallerGone);
    case TimerUse::Stuck:
      return front_.kill_stuck(lease_->container().task_id());
  }
}

// A body that was announced and doesn't begin keeps the application from its first ASGI message.
void Exchange::check_first_message() {
  arm(TimerUse::FunctionTimeout, pool_->version().timeout - front_.shared().limits.first_message_timeout);
  if (body_size_ > 0 || body_ended_ || !client_ || client_->response_begun()) return;
  fail(first_message_late());
  cancel(CancelReason::CallerGone);
}

void Exchange::time_out() {
  cancelled_ = true;
  runner_->send_cancel(stream_, CancelReason::TimedOut);  // also when it was told that the caller left
  arm(TimerUse::Stuck, kCancelPatience);
  fail(timed_out());
}

// Ends the caller's side, if it is still there, with an error; by cutting it when a response has begun.
void Exchange::fail(const EdgeError& error) {
  if (client_) traffic_.count_error(error.code);
  if (access_) access_->access.error = error.code;
  if (socket_) return socket_->end(failure_code(), error.message);
  if (is_parked() && !redirection_->ended && !redirection_->error) redirection_->error = error;
  if (!client_) return front_.draining() ? part_with_answer() : void();
  if (!client_->response_begun()) status_ = error.status;
  http::Caller* client = part_with_caller();
  if (client->response_begun()) {
    client->abort();
  } else {
    reply_error(*client, id_, error);
  }
  release_if_over();
}

void Exchange::cancel(CancelReason reason) {
  if (!runner_ || std::exchange(cancelled_, true)) return;
  const bool leaves = handshake_ && reason == CancelReason::CallerGone;
  if (!leaves) return runner_->send_cancel(stream_, reason);
  // A bridge has told how the caller left.
  if (!socket_) runner().send_close(stream_, static_cast<std::uint16_t>(http::CloseCode::Abnormal), {});
}

void Exchange::release_if_over() {
  if (client_ || runner_ || is_parked() || std::exchange(released_, true)) return;
  stop_waiting();
  front_.reactor().disarm(*this);
  front_.release(*this);
}

void Exchange::arm(TimerUse use, std::chrono::milliseconds span) {
  timer_use_ = use;
  front_.reactor().arm(*this, span);
}

}  // namespace bimodal::gateway
