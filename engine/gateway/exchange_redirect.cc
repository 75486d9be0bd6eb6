// What an Exchange does only where slow requests are redirected (edge.redirect_after): its caller is answered 303 and
// comes again for the response, which the container goes on with.
#include "base/ids.h"
#include "gateway/exchange.h"
#include "gateway/front.h"
#include "gateway/redirects.h"

namespace bimodal::gateway {

void Redirection::on_timeout() {
  exchange.on_redirect_time();
}

void Exchange::allow_redirect(const http::RequestHead& head) {
  redirection_ = std::make_unique<Redirection>(*this);
  redirection_->token = new_id("fc");
  redirection_->location = location_of(head, redirection_->token);
  redirection_->origin = origin_of(head);
  front_.reactor().arm(*redirection_, front_.shared().limits.redirect_after);
}

void Exchange::on_redirect_time() {
  if (is_parked()) return drop_parked();
  if (!client_ || client_->response_begun()) return;
  // Its body comes over this connection.
  if (!body_ended_) return front_.reactor().arm(*redirection_, front_.shared().limits.redirect_after);
  status_ = 303;
  http::Caller* client = part_with_caller();
  redirection_->parked = true;
  if (!std::exchange(redirection_->registered, true)) front_.park(redirection_->token, *this);
  front_.reactor().arm(*redirection_, front_.shared().limits.redirect_patience);
  reply_redirect(*client, id_, redirection_->location, redirection_->origin);
}

bool Exchange::resume(http::Caller& client, const std::string& function_id) {
  if (!is_parked() || pool_->version().function_id != function_id) return false;
  Redirection& kept = *redirection_;
  kept.parked = false;
  client.attach(*this);
  client_ = &client;
  begin_counting(Method::Get);
  if (front_.shared().access_log && front_.head() != nullptr) note_access(*front_.head());
  front_.reactor().arm(kept, front_.shared().limits.redirect_after);
  if (kept.begun) {
    hand_out_kept();
  } else if (kept.error) {
    fail(*kept.error);
  }
  return true;
}

void Exchange::hand_out_kept() {
  Redirection& kept = *redirection_;
  std::vector<http::Field>& fields = front_.field_scratch();
  fields.clear();
  for (const auto& [name, value] : kept.headers) fields.push_back({name, value});
  const http::Field extra[] = {{kRequestIdHeader, text_of(id_)}};
  http::ResponseHead response{.status = kept.status, .fields = fields, .extra = extra};
  if (kept.ended && !trailers_) response.body_size = kept.body.size();
  if (!client_->begin_response(response)) {
    fail(invalid_response());
    return cancel(CancelReason::CallerGone);
  }
  count_answer(kept.status);
  count_sent(kept.body.size());
  client_->write(std::exchange(kept.body, {}));
  if (kept.ended) return finish_response();
  if (kept.error) return fail(*kept.error);
  return_credit();
}

void Exchange::keep_head(const wire::ResponseHead& head) {
  redirection_->begun = true;
  redirection_->status = head.status;
  for (const wire::Header& header : head.headers) redirection_->headers.emplace_back(header.name, header.value);
}

void Exchange::keep_body(std::string_view bytes, http::Part part) {
  redirection_->body.append(bytes);
  if (part == http::Part::Last) redirection_->ended = true;
  if (front_.draining()) part_with_answer();
}

// The gateway goes: another daemon gets the answer, once it is whole, for the caller to find there.
void Exchange::part_with_answer() {
  if (!is_parked()) return;
  const PassAnswer& pass = front_.shared().pass_answer;
  if (!pass) return drop_parked();
  Redirection& kept = *redirection_;
  if (kept.body.size() > KeptAnswers::kMaxBody) kept.error = container_gone();
  if (!kept.ended && !kept.error) {
    if (runner_ && owed_credit_ > 0) {
      download_credit_ += static_cast<std::int64_t>(owed_credit_);
      runner_->send_credit(stream_, static_cast<std::uint32_t>(std::exchange(owed_credit_, 0)));
    }
    return;
  }
  KeptAnswer answer{
      .token = kept.token,
      .function_id = pool_->version().function_id,
      .request_id = std::string(text_of(id_)),
      .status = kept.status,
      .headers = std::move(kept.headers),
      .body = std::move(kept.body)};
  if (!kept.ended) set_error(answer, *kept.error);
  pass(std::move(answer));
  kept.parked = false;
  if (!kept.ended) cancel(CancelReason::CallerGone);
  release_if_over();
}

// Nobody came for it in time, or the gateway goes.
void Exchange::drop_parked() {
  if (!is_parked()) return;
  redirection_->parked = false;
  redirection_->body = std::string();
  cancel(CancelReason::CallerGone);
  release_if_over();
}

}  // namespace bimodal::gateway
