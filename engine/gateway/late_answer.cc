#include "gateway/late_answer.h"

#include <utility>

#include "gateway/edge_error.h"

namespace bimodal::gateway {
namespace {

constexpr std::chrono::milliseconds kPause{50};  // between two looks: only while a daemon takes over from another

}  // namespace

LateAnswer::LateAnswer(
    Owner& owner, http::Reactor& reactor, KeptAnswers& kept, http::Caller& client, const RequestId& id,
    Traffic& traffic, Wanted wanted)
    : owner_(owner),
      reactor_(reactor),
      kept_(kept),
      client_(&client),
      id_(id),
      traffic_(traffic),
      wanted_(std::move(wanted)) {}

LateAnswer::~LateAnswer() {
  reactor_.disarm(*this);
}

void LateAnswer::start(std::chrono::milliseconds patience) {
  traffic_.active.add(1);
  until_ = Deadline::after(patience);
  client_->attach(*this);
  look();
}

void LateAnswer::on_gone() {
  part(Answers::kNone);
}

void LateAnswer::look() {
  const bool comes = kept_.expected();  // asked first: what comes last is there before it is expected no more
  if (const auto answer = kept_.take(wanted_.token, wanted_.function_id)) return hand_out(*answer);
  if (!comes) {
    const EdgeError error = unknown_call();
    traffic_.count_error(error.code);
    return reply_error(*part(error.status), id_, error);
  }
  if (until_.passed()) return reply_redirect(*part(303), id_, wanted_.location, wanted_.origin);
  reactor_.arm(*this, kPause);
}

void LateAnswer::hand_out(const KeptAnswer& answer) {
  std::vector<http::Field> fields;
  for (const auto& [name, value] : answer.headers) fields.push_back({name, value});
  const http::Field extra[] = {{kRequestIdHeader, answer.request_id}};
  const http::ResponseHead head{
      .status = answer.status, .fields = fields, .extra = extra, .body_size = answer.body.size()};
  traffic_.sent_bytes.add(answer.body.size());
  http::Caller* client = part(answer.status);
  if (!client->begin_response(head)) return reply_error(*client, id_, invalid_response());
  client->write(answer.body);
  client->finish();
}

http::Caller* LateAnswer::part(int status) {
  traffic_.answers.count(Method::Get, status);
  traffic_.active.add(-1);
  reactor_.disarm(*this);
  owner_.release(*this);
  return std::exchange(client_, nullptr);
}

}  // namespace bimodal::gateway
