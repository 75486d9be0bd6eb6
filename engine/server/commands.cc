#include "server/commands.h"

#include <sys/socket.h>

#include <memory>

#include "async/accept.h"
#include "base/log.h"
#include "server/hand_over.h"
#include "server/home_socket.h"

namespace bimodal::server {

using nlohmann::json;

namespace {

constexpr const char* kName = "command.sock";
constexpr std::chrono::seconds kQuestionPatience{5};
constexpr std::chrono::seconds kAnswerPatience{30};

json failed(const Error& failure) {
  return {{"code", static_cast<int>(failure.code)}, {"message", failure.message}};
}

Task<Result<json>> run(const Commands& commands, HandOverMessage message) {
  const auto found = commands.find(message.say);
  if (found == commands.end()) co_return error(Code::Unimplemented, "this daemon knows no '{}'", message.say);
  co_return co_await found->second(std::move(message.head));
}

Task<void> answer(UniqueFd connection, const Commands& commands) {
  HandOverChannel channel(std::move(connection));
  auto message = co_await channel.receive(Deadline::after(kQuestionPatience));
  if (!message) co_return;
  auto done = co_await run(commands, *std::move(message));
  const std::string_view said = done ? "done" : "failed";
  const json body = done ? *done : failed(done.error());
  // Long answers go by way of a file.
  auto sent = channel.send(saying(said), body.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!sent) log::warning("a command's answer: {}", sent.error().message);
}

}  // namespace

Result<UniqueFd> listen_for_commands(const std::filesystem::path& home) {
  return listen_in(home, kName, SOCK_SEQPACKET | SOCK_NONBLOCK);
}

Task<void> serve_commands(UniqueFd listener, const Commands& commands, Scope& scope) {
  const std::size_t others = scope.size();
  auto take = [&commands, &scope, others](UniqueFd connection) {
    if (is_own(connection.get()) && scope.size() < others + kMostCommands) {
      scope.spawn(answer(std::move(connection), commands));
    }
  };
  co_await accept_connections(std::move(listener), kName, std::move(take));
}

Result<json> give_command(const std::filesystem::path& home, const std::string& command, json details) {
  TRY(UniqueFd socket, connect_in(home, kName, SOCK_SEQPACKET));
  HandOverChannel channel(std::move(socket));
  details["say"] = command;
  TRY_VOID(channel.send(std::move(details)));
  TRY(const HandOverMessage answer, channel.receive_now(Deadline::after(kAnswerPatience)));
  json body = json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return error(Code::DataLoss, "the daemon's answer isn't understood; do versions differ?");
  if (answer.say == "done") return body;
  return error(
      static_cast<Code>(body.value("code", static_cast<int>(Code::Internal))), "{}", body.value("message", ""));
}

}  // namespace bimodal::server
