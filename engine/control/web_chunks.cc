#include "control/web_chunks.h"

#include <utility>

namespace bimodal::control {
namespace {

using runtime::WebInput;
using runtime::WebOutput;

// Names and values take turns in the client's list.
template <typename List>
Result<std::vector<std::pair<std::string, std::string>>> headers_in(const List& list) {
  if (list.size() % 2 != 0) return error(Code::InvalidArgument, "a header of the response has no value");
  std::vector<std::pair<std::string, std::string>> headers;
  for (int i = 0; i < list.size(); i += 2) headers.emplace_back(list[i], list[i + 1]);
  return headers;
}

api::Asgi message_of(WebInput input) {
  api::Asgi message;
  switch (input.kind) {
    case WebInput::Kind::Body:
      message.mutable_http_request()->set_body(std::move(input.body));
      message.mutable_http_request()->set_more_body(input.more_body);
      break;
    case WebInput::Kind::Disconnect:
      (void)message.mutable_http_disconnect();
      break;
    case WebInput::Kind::Connect:
      (void)message.mutable_websocket_connect();
      break;
    case WebInput::Kind::Text:
      message.mutable_websocket_receive()->set_text(std::move(input.body));
      break;
    case WebInput::Kind::Binary:
      message.mutable_websocket_receive()->set_bytes(std::move(input.body));
      break;
    case WebInput::Kind::Closed:
      message.mutable_websocket_disconnect()->set_code(input.code);
      break;
  }
  return message;
}

Result<WebOutput> socket_output_of(api::Asgi& message) {
  WebOutput output;
  if (message.has_websocket_accept()) {
    output.kind = WebOutput::Kind::Accept;
    output.body = message.websocket_accept().subprotocol();
    TRY(output.headers, headers_in(message.websocket_accept().headers()));
  } else if (message.has_websocket_send() && message.websocket_send().has_text()) {
    output.kind = WebOutput::Kind::Text;
    output.body = std::move(*message.mutable_websocket_send()->mutable_text());
  } else if (message.has_websocket_send() && message.websocket_send().has_bytes()) {
    output.kind = WebOutput::Kind::Binary;
    output.body = std::move(*message.mutable_websocket_send()->mutable_bytes());
  } else if (message.has_websocket_close()) {
    constexpr std::uint32_t kNormal = 1000;
    const auto& close = message.websocket_close();
    output.kind = WebOutput::Kind::Close;
    output.status = close.has_code() ? close.code() : kNormal;
    output.body = close.reason();
  } else {
    return error(Code::InvalidArgument, "the application sent a message that has no place in its connection");
  }
  return output;
}

Result<WebOutput> output_of(api::Asgi& message) {
  WebOutput output;
  if (message.has_http_response_start()) {
    const auto& start = message.http_response_start();
    output.kind = WebOutput::Kind::Start;
    output.status = start.status();
    output.trailers = start.trailers();
    TRY(output.headers, headers_in(start.headers()));
  } else if (message.has_http_response_body()) {
    output.kind = WebOutput::Kind::Body;
    output.body = std::move(*message.mutable_http_response_body()->mutable_body());
    output.more = message.http_response_body().more_body();
  } else if (message.has_http_response_trailers()) {
    output.kind = WebOutput::Kind::Trailers;
    output.more = message.http_response_trailers().more_trailers();
    TRY(output.headers, headers_in(message.http_response_trailers().headers()));
  } else {
    return socket_output_of(message);
  }
  return output;
}

}  // namespace

api::DataChunk chunk_of(WebInput input, std::uint64_t index) {
  const api::Asgi message = message_of(std::move(input));
  api::DataChunk chunk;
  chunk.set_index(index);
  chunk.set_data_format(api::DATA_FORMAT_ASGI);
  chunk.set_data(message.SerializeAsString());
  return chunk;
}

Result<WebOutput> output_in(api::DataChunk chunk) {
  if (chunk.has_data_blob_id()) {
    return error(Code::InvalidArgument, "a piece of the response came as a blob; this server takes it in the message");
  }
  api::Asgi message;
  if (chunk.data_format() != api::DATA_FORMAT_ASGI || !message.ParseFromString(chunk.data())) {
    return error(Code::InvalidArgument, "a piece of the response is no ASGI message");
  }
  return output_of(message);
}

}  // namespace bimodal::control
