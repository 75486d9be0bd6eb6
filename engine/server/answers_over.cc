#include "server/answers_over.h"

#include <utility>
#include <vector>

#include "base/log.h"

namespace bimodal::server {
namespace {

using nlohmann::json;

// Binary: a header's value, and a body, may be any bytes.
json::binary_t bytes_of(const std::string& text) {
  return json::binary_t(std::vector<std::uint8_t>(text.begin(), text.end()));
}

std::string text_of(const json& value) {
  const auto& bytes = value.get_binary();
  return {bytes.begin(), bytes.end()};
}

std::string written(const gateway::KeptAnswer& answer) {
  json headers = json::array();
  for (const auto& [name, value] : answer.headers) headers.push_back({bytes_of(name), bytes_of(value)});
  const json whole = {
      {"function", answer.function_id},
      {"request", answer.request_id},
      {"status", answer.status},
      {"headers", std::move(headers)},
      {"body", bytes_of(answer.body)}};
  std::string out;
  json::to_cbor(whole, out);
  return out;
}

std::optional<gateway::KeptAnswer> read(const std::string& token, const std::string& text) {
  try {
    const json whole = json::from_cbor(text);
    gateway::KeptAnswer answer{
        .token = token,
        .function_id = whole.at("function"),
        .request_id = whole.at("request"),
        .status = whole.at("status"),
        .headers = {},
        .body = text_of(whole.at("body"))};
    for (const json& header : whole.at("headers")) {
      answer.headers.emplace_back(text_of(header.at(0)), text_of(header.at(1)));
    }
    return answer;
  } catch (const json::exception& broken) {
    log::warning("an answer of the daemon before can't be read: {}", broken.what());
    return std::nullopt;
  }
}

}  // namespace

gateway::PassAnswer answers_to(std::shared_ptr<HandOverChannel> successor) {
  return [successor = std::move(successor)](gateway::KeptAnswer answer) {
    const auto sent = successor->send({{"say", "answer"}, {"token", answer.token}}, written(answer));
    if (!sent) log::warning("the answer of a redirected call is lost: {}", sent.error().message);
  };
}

std::optional<gateway::KeptAnswer> answer_of(const HandOverMessage& message) {
  return read(message.head.value("token", ""), message.body);
}

}  // namespace bimodal::server
