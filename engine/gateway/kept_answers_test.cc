#include "gateway/kept_answers.h"

#include <gtest/gtest.h>

namespace bimodal::gateway {
namespace {

using namespace std::chrono_literals;

KeptAnswer answer(std::string token, std::size_t size = 1) {
  return {
      .token = std::move(token),
      .function_id = "fu-1",
      .request_id = "01",
      .status = 200,
      .headers = {{"a", "b"}},
      .body = std::string(size, 'x')};
}

TEST(KeptAnswers, GivesAnAnswerOnceAndOnlyForItsFunction) {
  KeptAnswers kept(1h);
  EXPECT_FALSE(kept.concerned());
  kept.keep(answer("fc-1"));
  EXPECT_TRUE(kept.concerned());
  EXPECT_FALSE(kept.take("fc-1", "fu-2"));
  EXPECT_FALSE(kept.take("fc-2", "fu-1"));
  const auto had = kept.take("fc-1", "fu-1");
  ASSERT_TRUE(had);
  EXPECT_EQ(had->body, "x");
  EXPECT_FALSE(kept.take("fc-1", "fu-1"));
  EXPECT_FALSE(kept.concerned());
}

TEST(KeptAnswers, ForgetsThemAfterAWhile) {
  KeptAnswers kept(0ms);
  kept.keep(answer("fc-1"));
  EXPECT_FALSE(kept.take("fc-1", "fu-1"));
}

TEST(KeptAnswers, KeepsTheYoungestWhenThereAreTooMany) {
  KeptAnswers kept(1h);
  const std::size_t most = KeptAnswers::kMaxBytes / KeptAnswers::kMaxBody;
  for (std::size_t i = 0; i < most + 2; ++i) kept.keep(answer("fc-" + std::to_string(i), KeptAnswers::kMaxBody));
  EXPECT_FALSE(kept.take("fc-0", "fu-1"));
  EXPECT_TRUE(kept.take("fc-" + std::to_string(most + 1), "fu-1"));
  EXPECT_EQ(kept.take_all().size(), most - 2) << "what else an answer takes costs one of them its place";
  EXPECT_FALSE(kept.concerned());
}

}  // namespace
}  // namespace bimodal::gateway
