#include "server/answers_over.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace bimodal::server {
namespace {

TEST(AnswersOver, BringsAnAnswerOverWhole) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const auto from = std::make_shared<HandOverChannel>(UniqueFd(ends[0]));
  HandOverChannel to{UniqueFd(ends[1])};
  gateway::KeptAnswer answer{
      .token = "fc-1",
      .function_id = "fu-1",
      .request_id = "01J",
      .status = 201,
      .headers = {{"x", "\xff\xfe"}},
      .body = {}};
  for (int i = 0; i < 150'000; ++i) answer.body.push_back(static_cast<char>(i));
  answers_to(from)(answer);
  const auto message = to.receive_now(Deadline::after(std::chrono::seconds(5)));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->say, "answer");
  const auto had = answer_of(*message);
  ASSERT_TRUE(had);
  EXPECT_EQ(had->token, "fc-1");
  EXPECT_EQ(had->function_id, "fu-1");
  EXPECT_EQ(had->request_id, "01J");
  EXPECT_EQ(had->status, 201);
  EXPECT_EQ(had->headers, answer.headers);
  EXPECT_EQ(had->body, answer.body);
}

TEST(AnswersOver, DropsWhatCantBeRead) {
  EXPECT_FALSE(answer_of({.say = "answer", .head = {{"token", "fc-1"}}, .body = "nonsense", .fds = {}}));
}

}  // namespace
}  // namespace bimodal::server
