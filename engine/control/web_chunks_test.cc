#include "control/web_chunks.h"

#include <gtest/gtest.h>

#include "control/web_arguments.h"

namespace bimodal::control {
namespace {

using runtime::WebInput;
using runtime::WebOutput;

api::DataChunk chunk_with(const api::Asgi& message) {
  api::DataChunk chunk;
  chunk.set_data_format(api::DATA_FORMAT_ASGI);
  chunk.set_data(message.SerializeAsString());
  return chunk;
}

TEST(WebChunks, CarryBodyAndDisconnectToTheApplication) {
  auto chunk = chunk_of({.kind = WebInput::Kind::Body, .body = "x", .more_body = true}, 3);
  EXPECT_EQ(chunk.index(), 3u);
  EXPECT_EQ(chunk.data_format(), api::DATA_FORMAT_ASGI);
  api::Asgi message;
  ASSERT_TRUE(message.ParseFromString(chunk.data()));
  EXPECT_EQ(message.http_request().body(), "x");
  EXPECT_TRUE(message.http_request().more_body());
  ASSERT_TRUE(message.ParseFromString(chunk_of({.kind = WebInput::Kind::Disconnect}, 4).data()));
  EXPECT_TRUE(message.has_http_disconnect());
}

TEST(WebChunks, CarryTheResponseFromTheApplication) {
  api::Asgi message;
  auto& start = *message.mutable_http_response_start();
  start.set_status(201);
  start.set_trailers(true);
  start.add_headers("x-odd");
  start.add_headers("\xe9");
  auto output = output_in(chunk_with(message)).value();
  EXPECT_EQ(output.kind, WebOutput::Kind::Start);
  EXPECT_EQ(output.status, 201u);
  EXPECT_TRUE(output.trailers);
  ASSERT_EQ(output.headers.size(), 1u);
  EXPECT_EQ(output.headers[0].second, "\xe9");
  message.mutable_http_response_body()->set_body("bytes");
  output = output_in(chunk_with(message)).value();
  EXPECT_EQ(output.kind, WebOutput::Kind::Body);
  EXPECT_EQ(output.body, "bytes");
  EXPECT_FALSE(output.more);
}

TEST(WebChunks, CarryAWebSocketsMessages) {
  api::Asgi message;
  ASSERT_TRUE(message.ParseFromString(chunk_of({.kind = WebInput::Kind::Text, .body = ""}, 1).data()));
  EXPECT_TRUE(message.websocket_receive().has_text());
  ASSERT_TRUE(message.ParseFromString(chunk_of({.kind = WebInput::Kind::Binary, .body = "x"}, 2).data()));
  EXPECT_EQ(message.websocket_receive().bytes(), "x");
  ASSERT_TRUE(message.ParseFromString(chunk_of({.kind = WebInput::Kind::Closed, .code = 1006}, 3).data()));
  EXPECT_EQ(message.websocket_disconnect().code(), 1006u);

  message.mutable_websocket_accept()->set_subprotocol("chat");
  auto output = output_in(chunk_with(message)).value();
  EXPECT_EQ(output.kind, WebOutput::Kind::Accept);
  EXPECT_EQ(output.body, "chat");
  message.mutable_websocket_send()->set_text("");
  EXPECT_EQ(output_in(chunk_with(message)).value().kind, WebOutput::Kind::Text);
  message.mutable_websocket_close()->set_reason("bye");
  output = output_in(chunk_with(message)).value();
  EXPECT_EQ(output.status, 1000u) << "what a close without a code means";
  EXPECT_EQ(output.body, "bye");
}

TEST(WebChunks, ThatHoldNoPartOfAResponseAreRefused) {
  api::DataChunk chunk;
  EXPECT_FALSE(output_in(chunk));
  chunk.set_data_format(api::DATA_FORMAT_ASGI);
  chunk.set_data("\xff");
  EXPECT_FALSE(output_in(chunk));
  api::Asgi message;
  (void)message.mutable_http_disconnect();
  EXPECT_FALSE(output_in(chunk_with(message)));
  message.mutable_http_response_start()->add_headers("without a value");
  EXPECT_FALSE(output_in(chunk_with(message)));
  chunk.set_data_blob_id("bl-1");
  EXPECT_FALSE(output_in(chunk));
}

// What Python makes of it is the outer suite's business: tests/conformance/web.
TEST(WebArguments, ArePickledTuplesWithTheScope) {
  wire::RequestHead head{.method = "GET", .raw_path = "/caf%C3%A9", .query = "a=1", .client_host = "::1"};
  const std::string value(300, 'v');
  head.headers = {{"host", "x"}, {"long", value}};
  const std::string pickled = web_arguments(head);
  EXPECT_TRUE(pickled.starts_with("\x80\x04}("));
  EXPECT_TRUE(pickled.ends_with("u\x85}\x86."));
  EXPECT_NE(pickled.find("\x8c\x04path\x8c\x06/caf\xc3\xa9"), std::string::npos);
  EXPECT_NE(
      pickled.find("C\x04host"
                   "C\x01x\x86"),
      std::string::npos);
  EXPECT_NE(pickled.find(std::string("B\x2c\x01\x00\x00", 5) + value), std::string::npos);
}

}  // namespace
}  // namespace bimodal::control
