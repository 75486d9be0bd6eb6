#include "runtime/web_request.h"

#include <algorithm>
#include <utility>

namespace bimodal::runtime {
namespace {

// True as long as this lives, also when the coroutine that has it is cancelled.
class Marked {
 public:
  explicit Marked(bool& mark) : mark_(mark) { mark_ = true; }
  ~Marked() { mark_ = false; }
  Marked(const Marked&) = delete;
  Marked& operator=(const Marked&) = delete;

 private:
  bool& mark_;
};

}  // namespace

WebRequest::WebRequest(
    boost::asio::any_io_executor executor, GatewaySide& gateway, std::uint32_t stream, std::string head)
    : gateway_(&gateway), stream_(stream), head_bytes_(std::move(head)), changed_(std::move(executor)) {
  good_ = wire::decode(head_bytes_, head_);
}

bool WebRequest::add_body(std::string_view bytes, bool end) {
  if (is_socket()) return bytes.empty() && end;  // that of its head
  if (body_ended_ || bytes.size() > body_credit_) return false;
  body_credit_ -= bytes.size();
  body_ended_ = end;
  if (!is_deaf()) body_.append(bytes);
  changed_.notify_all();
  return true;
}

void WebRequest::add_credit(std::uint32_t bytes) {
  credit_ += bytes;
  changed_.notify_all();
}

void WebRequest::cancel() {
  disconnected_ = true;
  body_.clear();
  abandon_messages();
  changed_.notify_all();
}

void WebRequest::lose_gateway() {
  gateway_ = nullptr;
  cancel();
}

Task<Result<std::optional<WebInput>>> WebRequest::next_input(std::uint64_t taken) {
  if (taken != inputs_taken_) {
    co_return error(Code::DataLoss, "{}: message {} of the request is gone", call_id(), taken + 1);
  }
  return_credit();  // whoever asks for the next has passed the last one on
  while (!over_) {
    if (auto input = is_socket() ? ready_message() : ready_input()) {
      ++inputs_taken_;
      co_return input;
    }
    if (!co_await changed_.wait(Deadline::never())) break;
  }
  co_return std::nullopt;
}

std::optional<WebInput> WebRequest::ready_input() {
  const bool gone = disconnected_ || phase_ == Phase::Complete;
  if (gone && disconnect_taken_) return std::nullopt;
  if (gone) {
    disconnect_taken_ = true;
    return WebInput{.kind = WebInput::Kind::Disconnect};
  }
  const bool has_body = inputs_taken_ == 0 || !body_.empty() || (body_ended_ && !body_end_taken_);
  if (!has_body) return std::nullopt;
  return take_body();
}

WebInput WebRequest::take_body() {
  owed_credit_ = body_.size();
  body_end_taken_ = body_ended_;
  return {.kind = WebInput::Kind::Body, .body = std::exchange(body_, {}), .more_body = !body_ended_};
}

void WebRequest::return_credit() {
  if (owed_credit_ == 0 || body_ended_) return;
  body_credit_ += owed_credit_;
  send({.type = wire::FrameType::Credit, .extra = static_cast<std::uint32_t>(std::exchange(owed_credit_, 0))}, {});
}

Task<Result<void>> WebRequest::put(std::vector<WebOutput> outputs) {
  if (putting_) co_return error(Code::FailedPrecondition, "{}: one batch of data after another", call_id());
  const Marked putting(putting_);
  for (WebOutput& output : outputs) {
    if (is_deaf()) break;
    co_await put_one(std::move(output));
  }
  co_return Result<void>();
}

Task<void> WebRequest::put_one(WebOutput output) {
  const bool is_of_socket = output.kind >= WebOutput::Kind::Accept;
  if (is_of_socket != is_socket()) {
    break_off("the application sent a message that has no place in its kind of connection");
    co_return;
  }
  switch (output.kind) {
    case WebOutput::Kind::Start:
      start_response(output);
      break;
    case WebOutput::Kind::Body:
      co_await put_body(std::move(output.body), output.more);
      break;
    case WebOutput::Kind::Trailers:
      send_trailers(output);
      break;
    case WebOutput::Kind::Accept:
      accept(output);
      break;
    case WebOutput::Kind::Text:
    case WebOutput::Kind::Binary:
      co_await put_message(std::move(output));
      break;
    case WebOutput::Kind::Close:
      close(output);
      break;
  }
}

void WebRequest::start_response(const WebOutput& start) {
  if (phase_ != Phase::NotStarted) return break_off("the application began its response twice");
  wire::ResponseHead head{.status = static_cast<std::uint16_t>(start.status), .trailers = start.trailers};
  for (const auto& [name, value] : start.headers) head.headers.push_back({name, value});
  const bool fits = start.status <= 999 && wire::encode(head, response_head_);
  if (!fits) return break_off("the head of the response is too large, or its status none");
  trailers_ = start.trailers;
  phase_ = Phase::Started;
}

// In frames of at most kMaxInlineBody, as far as the gateway's credit goes. Head and end need no credit.
Task<void> WebRequest::put_body(std::string body, bool more) {
  if (phase_ != Phase::Started) {
    break_off("the application sent a body outside its response");
    co_return;
  }
  if (head_.method == "HEAD") body.clear();
  const bool ends = !more && !trailers_;
  std::string_view rest = body;
  while (true) {
    const std::size_t room = std::min<std::size_t>(wire::kMaxPayload - response_head_.size(), wire::kMaxInlineBody);
    const std::size_t size = std::min({rest.size(), static_cast<std::size_t>(credit_), room});
    const bool last = size == rest.size();
    if (size > 0 || (last && ends) || !response_head_.empty()) send_piece(rest.substr(0, size), last && ends);
    rest.remove_prefix(size);
    if (last || is_deaf()) break;
    if (credit_ == 0 && !co_await changed_.wait(Deadline::never())) co_return;
  }
  if (more) co_return;
  phase_ = Phase::BodyEnded;
  if (ends) complete();
}

void WebRequest::send_piece(std::string_view piece, bool end) {
  credit_ -= piece.size();
  const std::uint8_t flags = end ? wire::kEnd : 0;
  if (response_head_.empty()) return send({.type = wire::FrameType::Body, .flags = flags}, piece);
  const auto head_size = static_cast<std::uint32_t>(response_head_.size());
  response_head_.append(piece);
  send({.type = wire::FrameType::Response, .flags = flags, .extra = head_size}, response_head_);
  response_head_.clear();
}

void WebRequest::send_trailers(const WebOutput& trailers) {
  if (phase_ != Phase::BodyEnded) return break_off("the application sent trailers that it had not announced");
  wire::Headers headers;
  for (const auto& [name, value] : trailers.headers) headers.push_back({name, value});
  std::string payload;
  if (!wire::encode(headers, payload)) return break_off("the trailers of the response are too large");
  send({.type = wire::FrameType::Trailers}, payload);
  if (trailers.more) return;
  send({.type = wire::FrameType::Body, .flags = wire::kEnd}, {});
  complete();
}

// As under other servers, an application that goes on listening hears of the end.
void WebRequest::complete() {
  phase_ = Phase::Complete;
  changed_.notify_all();
}

void WebRequest::break_off(const char* reason) {
  send({.type = wire::FrameType::Abort}, reason);
  broken_off_ = true;
}

void WebRequest::end(const std::string& failure) {
  if (std::exchange(over_, true)) return;
  if (!failure.empty() && !broken_off_) send({.type = wire::FrameType::Abort}, failure);
  send({.type = wire::FrameType::Done}, {});
  if (GatewaySide* gateway = std::exchange(gateway_, nullptr)) gateway->forget(stream_);
  changed_.notify_all();
}

void WebRequest::send(wire::FrameHeader header, std::string_view payload) {
  if (gateway_ == nullptr) return;
  header.stream = stream_;
  gateway_->send(header, payload);
}

}  // namespace bimodal::runtime
