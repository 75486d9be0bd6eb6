#include "calls/chunks.h"

#include "scheduler/test_support.h"

namespace bimodal::calls {
namespace {

using scheduler::get;
using scheduler::start;

class ChunksTest : public testing::Test {
 protected:
  ChunksTest() { loop_.start(); }

  std::future<Result<void>> put(std::uint64_t first, std::vector<std::string> items) {
    std::vector<Chunks::Chunk> all;
    for (std::string& item : items) {
      all.emplace_back().set_index(first++);
      all.back().set_data(std::move(item));
    }
    return start(loop_, chunks_.put(std::move(all)));
  }
  std::string next(std::uint64_t index) { return get(start(loop_, chunks_.next(index))).value()->data(); }

  Loop loop_{"test"};
  Chunks chunks_{loop_.executor()};
};

TEST_F(ChunksTest, PassItemsOnInOrder) {
  ASSERT_TRUE(get(put(1, {"a", "b"})));
  ASSERT_TRUE(get(put(3, {"c"})));
  EXPECT_EQ(next(0) + next(1) + next(2), "abc");
}

TEST_F(ChunksTest, AReaderWhoseStreamBrokeGoesOnWhereItWas) {
  ASSERT_TRUE(get(put(1, {"a", "b", "c"})));
  EXPECT_EQ(next(2), "c");
  EXPECT_EQ(next(1), "b");
}

TEST_F(ChunksTest, DropItemsOfASecondRunThatAreHereAlready) {
  ASSERT_TRUE(get(put(1, {"a", "b"})));
  ASSERT_TRUE(get(put(1, {"a", "b", "c"})));
  EXPECT_EQ(next(2), "c");
}

TEST_F(ChunksTest, RefuseAGap) {
  auto put_late = get(put(2, {"b"}));
  ASSERT_FALSE(put_late);
  EXPECT_EQ(put_late.error().code, Code::DataLoss);
}

TEST_F(ChunksTest, HoldTheContainerBackUntilTheCallerReads) {
  auto full = put(1, {std::string(Chunks::kWindow, 'x'), "last"});
  EXPECT_NE(full.wait_for(std::chrono::milliseconds(20)), std::future_status::ready);
  EXPECT_EQ(next(0).size(), Chunks::kWindow);
  EXPECT_EQ(next(1), "last");
  EXPECT_TRUE(get(std::move(full)));
}

}  // namespace
}  // namespace bimodal::calls
