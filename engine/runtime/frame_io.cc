#include "runtime/frame_io.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bimodal::runtime {

namespace asio = boost::asio;

Task<Result<Frame>> read_frame(FrameSocket& socket) {
  boost::system::error_code failure;
  char bytes[wire::kHeaderSize];
  co_await asio::async_read(socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return error(Code::Unavailable, "read a frame: {}", failure.message());
  auto header = wire::decode_frame_header(bytes);
  if (!header) co_return error(Code::Internal, "a frame came that breaks the protocol");
  Frame frame{*header, std::string(header->size, '\0')};
  co_await asio::async_read(socket, asio::buffer(frame.payload), asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return error(Code::Unavailable, "read a frame: {}", failure.message());
  co_return frame;
}

}  // namespace bimodal::runtime
