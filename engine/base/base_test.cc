#include <gtest/gtest.h>

#include <set>

#include "base/ids.h"
#include "base/result.h"

namespace bimodal {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return error(Code::InvalidArgument, "{} is odd", value);
  return value / 2;
}

Result<int> quarter(int value) {
  TRY(int once, half(value));
  TRY(int twice, half(once));
  return twice;
}

TEST(Result, PassesTheFirstErrorOn) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_EQ(quarter(6).error().code, Code::InvalidArgument);
}

TEST(Ids, HaveTheShapeThatTheClientChecks) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    std::string app = new_id("ap");
    EXPECT_EQ(app.size(), 25u);
    EXPECT_EQ(app.find('-'), 2u);
    EXPECT_EQ(app.find('-', 3), std::string::npos);
    EXPECT_TRUE(seen.insert(app).second);
    std::string task = new_task_id();
    EXPECT_EQ(task.size(), 29u);
    EXPECT_NE(task.back(), 'V');
  }
}

TEST(Ids, OfContentDependOnTheContentAlone) {
  EXPECT_EQ(content_id("im", "a"), content_id("im", "a"));
  EXPECT_NE(content_id("im", "a"), content_id("im", "b"));
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace bimodal
