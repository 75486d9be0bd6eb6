// A WebRequest as a WebSocket: messages from the caller to the application, and what the application says.
#include <algorithm>
#include <utility>

#include "runtime/web_request.h"

namespace bimodal::runtime {
namespace {

constexpr std::uint32_t kAbnormal = 1006;  // RFC 6455 §7.4.1: stands for a Close that never came

}  // namespace

bool WebRequest::add_message(wire::FrameType type, std::string_view bytes, bool end) {
  const std::size_t cost = bytes.size() + wire::kMessageCost;
  if (!is_socket() || cost > body_credit_) return false;
  if (is_deaf()) return true;
  partial_.append(bytes);
  if (!end) {
    send({.type = wire::FrameType::Credit, .extra = static_cast<std::uint32_t>(cost)}, {});
    return true;
  }
  body_credit_ -= cost;
  const auto kind = type == wire::FrameType::Text ? WebInput::Kind::Text : WebInput::Kind::Binary;
  messages_.push_back({.kind = kind, .body = std::exchange(partial_, {})});
  message_costs_.push_back(cost);
  changed_.notify_all();
  return true;
}

bool WebRequest::close_by_caller(std::uint32_t code) {
  if (!is_socket()) return false;
  if (close_code_ == 0) close_code_ = code;
  partial_ = std::string();
  disconnected_ = true;
  changed_.notify_all();
  return true;
}

// The caller can't be reached, and what it sent doesn't count any more.
void WebRequest::abandon_messages() {
  if (close_code_ == 0) close_code_ = kAbnormal;
  partial_ = std::string();
  messages_.clear();
  message_costs_.clear();
}

std::optional<WebInput> WebRequest::ready_message() {
  if (inputs_taken_ == 0) return WebInput{.kind = WebInput::Kind::Connect};
  if (!messages_.empty()) {
    WebInput message = std::move(messages_.front());
    messages_.pop_front();
    owed_credit_ = message_costs_.front();
    message_costs_.pop_front();
    return message;
  }
  const bool over = disconnected_ || phase_ == Phase::Complete;
  if (!over || std::exchange(disconnect_taken_, true)) return std::nullopt;
  return WebInput{.kind = WebInput::Kind::Closed, .code = close_code_};
}

void WebRequest::accept(const WebOutput& output) {
  if (phase_ != Phase::NotStarted) return break_off("the application accepted the WebSocket twice");
  wire::AcceptHead head{.subprotocol = output.body};
  for (const auto& [name, value] : output.headers) head.headers.push_back({name, value});
  std::string payload;
  if (!wire::encode(head, payload)) return break_off("the headers with which the WebSocket is accepted are too large");
  send({.type = wire::FrameType::Accept}, payload);
  phase_ = Phase::Started;
}

// In frames of at most kMaxInlineBody, each for its size and kMessageCost of credit.
Task<void> WebRequest::put_message(WebOutput message) {
  if (phase_ != Phase::Started) {
    break_off("the application sent a message on a WebSocket that isn't open");
    co_return;
  }
  const bool is_text = message.kind == WebOutput::Kind::Text;
  const wire::FrameType type = is_text ? wire::FrameType::Text : wire::FrameType::Binary;
  std::string_view rest = message.body;
  bool ended = false;
  while (!ended && !is_deaf()) {
    if (credit_ < wire::kMessageCost + (rest.empty() ? 0 : 1)) {
      if (!co_await changed_.wait(Deadline::never())) co_return;
      continue;
    }
    const std::size_t size = std::min<std::size_t>({rest.size(), credit_ - wire::kMessageCost, wire::kMaxInlineBody});
    ended = size == rest.size();
    credit_ -= size + wire::kMessageCost;
    const std::uint8_t flags = ended ? wire::kEnd : 0;
    send({.type = type, .flags = flags}, rest.substr(0, size));
    rest.remove_prefix(size);
  }
}

void WebRequest::close(const WebOutput& output) {
  if (phase_ == Phase::Complete) return break_off("the application closed the WebSocket twice");
  if (!wire::is_close_code(output.status) || output.body.size() > wire::kMaxCloseReason) {
    return break_off("the application closed the WebSocket with what is no code, or too long a reason");
  }
  send({.type = wire::FrameType::Close, .extra = output.status}, output.body);
  messages_.clear();
  message_costs_.clear();
  if (close_code_ == 0) close_code_ = output.status;
  complete();
}

}  // namespace bimodal::runtime
