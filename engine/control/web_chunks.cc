#include "control/web_chunks.h"

#include <utility>

namespace bimodal::control {
namespace {

using runtime::WebOutput;

// Names and values take turns in the client's list.
template <typename List>
Result<std::vector<std::pair<std::string, std::string>>> headers_in(const List& list) {
  if (list.size() % 2 != 0) return error(Code::InvalidArgument, "a header of the response has no value");
  std::vector<std::pair<std::string, std::string>> headers;
  for (int i = 0; i < list.size(); i += 2) headers.emplace_back(list[i], list[i + 1]);
  return headers;
}

}  // namespace

api::DataChunk chunk_of(runtime::WebInput input, std::uint64_t index) {
  api::Asgi message;
  if (input.kind == runtime::WebInput::Kind::Disconnect) {
    (void)message.mutable_http_disconnect();
  } else {
    message.mutable_http_request()->set_body(std::move(input.body));
    message.mutable_http_request()->set_more_body(input.more_body);
  }
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
    return error(Code::InvalidArgument, "the application sent a message that has no place in an HTTP response");
  }
  return output;
}

}  // namespace bimodal::control
