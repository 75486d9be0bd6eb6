#include "cli/http_get.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>

#include "async/task.h"

namespace bimodal::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

// Throws boost::system::system_error for what the network refuses.
Task<http::response<http::string_body>> exchange(GetRequest request, std::chrono::seconds patience) {
  auto executor = co_await asio::this_coro::executor;
  std::size_t colon = request.address.rfind(':');
  tcp::resolver resolver(executor);
  tcp::resolver::results_type places = co_await resolver.async_resolve(
      request.address.substr(0, colon), request.address.substr(colon + 1), asio::use_awaitable);
  beast::tcp_stream stream(executor);
  stream.expires_after(patience);
  co_await stream.async_connect(places, asio::use_awaitable);
  http::request<http::empty_body> question(http::verb::get, request.path, 11);
  question.set(http::field::host, request.address);
  question.set(http::field::authorization, "Bearer " + request.bearer);
  question.set(http::field::connection, "close");
  co_await http::async_write(stream, question, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response<http::string_body> answer;
  co_await http::async_read(stream, buffer, answer, asio::use_awaitable);
  co_return answer;
}

}  // namespace

Result<std::string> http_get(GetRequest request, std::chrono::seconds patience) {
  std::string what = "GET http://" + request.address + request.path;
  asio::io_context context;
  std::exception_ptr failure;
  http::response<http::string_body> answer;
  auto keep = [&](std::exception_ptr thrown, http::response<http::string_body> got) {
    failure = thrown;
    answer = std::move(got);
  };
  asio::co_spawn(context, exchange(std::move(request), patience), keep);
  context.run();
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const boost::system::system_error& why) {
    return error(Code::Unavailable, "{}: {}", what, why.code().message());
  } catch (const std::exception& why) {
    return error(Code::Unavailable, "{}: {}", what, why.what());
  }
  if (answer.result() != http::status::ok) return error(Code::Unknown, "{}: status {}", what, answer.result_int());
  return std::move(answer.body());
}

}  // namespace bimodal::cli
