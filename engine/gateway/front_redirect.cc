// What a Front does only where slow requests are redirected (edge.redirect_after): it finds the request that a caller
// comes back for. When another loop has it, the connection goes there; a stream of HTTP/2 can't, and its caller is sent
// to another connection.
#include "gateway/front.h"

namespace bimodal::gateway {
namespace {

// Where this daemon redirects nobody and the one before did.
constexpr std::chrono::milliseconds kLeastWait{1000};

}  // namespace

void Front::park(const std::string& token, Exchange& exchange) {
  parked_.emplace(token, &exchange);
  shared_.redirects->add(token, *this);
}

void Front::unpark(const std::string& token) {
  parked_.erase(token);
  shared_.redirects->remove(token);
}

void Front::resume(
    http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry) {
  const Method method = method_of(head.method);
  if (method != Method::Get) return refuse(client, method, id, *entry.traffic, bad_redirect_method());
  const std::string token(call_in(head.query));
  if (auto found = parked_.find(token); found != parked_.end()) {
    if (!found->second->resume(client, entry.route.function_id))
      refuse(client, method, id, *entry.traffic, unknown_call());
    return;
  }
  Front* owner = shared_.redirects->find(token);
  if (owner == nullptr || owner == this) return await_answer(client, head, id, entry);
  const http::Address peer = client.peer();
  std::string received = written_again(head);
  auto caller = std::make_shared<http::Transport>(client.hand_over());
  if (!*caller) return refuse(client, method, id, *entry.traffic, other_connection());
  // By then the owner may have gone, and with it all that it had.
  owner->reactor().loop().post([redirects = shared_.redirects, token, caller, peer, received]() mutable {
    if (Front* there = redirects->find(token)) there->take_over(std::move(*caller), peer, std::move(received));
  });
}

// Where no daemon before this one may have it, it is refused at once.
void Front::await_answer(
    http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry) {
  if (!shared_.kept.concerned()) return refuse(client, Method::Get, id, *entry.traffic, unknown_call());
  const std::string token(call_in(head.query));
  LateAnswer::Wanted wanted{
      .token = token,
      .function_id = entry.route.function_id,
      .location = location_of(head, token),
      .origin = origin_of(head)};
  LateAnswer::Owner& owner = *this;
  auto answer = std::make_unique<LateAnswer>(
      owner, reactor_, shared_.kept, client, id, entry.traffic->of(number_), std::move(wanted));
  LateAnswer& started = *answer;
  late_.emplace(&started, std::move(answer));
  started.start(std::max(shared_.limits.redirect_after, kLeastWait));
}

void Front::release(LateAnswer& answer) {
  const auto found = late_.find(&answer);
  reactor_.poller().retire(std::move(found->second));
  late_.erase(found);
  if (late_.empty()) emptied_.notify_all();
}

void Front::take_over(http::Transport caller, const http::Address& peer, std::string received) {
  if (!draining_) accept(std::move(caller), peer).start(std::move(received));
}

}  // namespace bimodal::gateway
