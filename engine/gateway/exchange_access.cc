// What an Exchange adds to answers, and keeps for the access log, where there is one.
#include <algorithm>

#include "gateway/exchange.h"
#include "gateway/front.h"
#include "http/chars.h"

namespace bimodal::gateway {
namespace {

constexpr std::string_view kHstsHeader = "strict-transport-security";  // RFC 6797

}  // namespace

std::span<const http::Field> Exchange::own_fields(
    const std::vector<http::Field>& fields, std::array<http::Field, 3>& own) const {
  std::size_t count = 0;
  own[count++] = {kRequestIdHeader, text_of(id_)};
  if (cold_start_ && !cold_start_->told.empty()) own[count++] = {kColdStartHeader, cold_start_->told};
  if (tells_hsts(fields)) own[count++] = {kHstsHeader, front_.shared().hsts};
  return std::span<const http::Field>(own).first(count);
}

// The application's own word about it stands.
bool Exchange::tells_hsts(const std::vector<http::Field>& fields) const {
  if (front_.shared().hsts.empty() || !client_->secure()) return false;
  return std::none_of(fields.begin(), fields.end(), [](const http::Field& field) {
    return http::equals_ignoring_case(field.name, kHstsHeader);
  });
}

void Exchange::note_access(const http::RequestHead& head) {
  const std::size_t host = std::min(head.host.size(), AccessLog::kMaxHost);
  const std::size_t path = std::min(head.path.size(), AccessLog::kMaxPath);
  access_ = std::make_unique<Noted>();
  Access& access = access_->access;
  access = front_.begin_access(*client_, &head);
  access.id = id_;
  access.function = names_;
  // The head goes with the turn.
  std::string& texts = access_->texts;
  texts.reserve(access.client.size() + access.method.size() + host + path);
  auto keep = [&texts](std::string_view text) {
    texts.append(text);
    return std::string_view(texts).substr(texts.size() - text.size());
  };
  access.client = keep(access.client);
  access.method = keep(access.method);
  access.host = keep(access.host.substr(0, host));
  access.path = keep(access.path.substr(0, path));
}

// Its caller's part is over.
void Exchange::log_access() {
  const std::unique_ptr<Noted> noted = std::move(access_);
  noted->access.status = static_cast<std::uint16_t>(status_);
  noted->access.received = received_;
  noted->access.sent = sent_;
  noted->access.cold = cold_start_ != nullptr;
  front_.log_access(noted->access);
}

}  // namespace bimodal::gateway
