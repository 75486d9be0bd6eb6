#include "runtime/exec_output.h"

#include <gtest/gtest.h>

#include "async/loop.h"
#include "async/scope.h"

namespace bimodal::runtime {
namespace {

class ExecOutputTest : public testing::Test {
 protected:
  ExecOutputTest() { loop_.start(); }

  Result<std::string> read(std::uint64_t offset) {
    Result<std::string> got = std::string();
    loop_.run_blocking(read_into(offset, got));
    return got;
  }
  void append(std::string bytes) { loop_.run_blocking(append_on_loop(std::move(bytes))); }
  bool has_room() { return has_room(output_); }
  bool has_room(ExecOutput& output) {
    bool room = false;
    loop_.run_blocking(ask_room(output, room));
    return room;
  }

  Loop loop_{"test"};
  ExecOutput output_{loop_.executor()};

 private:
  Task<void> read_into(std::uint64_t offset, Result<std::string>& got) { got = co_await output_.read(offset); }
  Task<void> append_on_loop(std::string bytes) {
    output_.append(bytes);
    co_return;
  }
  Task<void> wait_room(ExecOutput& output) { room_ = co_await output.room(); }
  Task<void> ask_room(ExecOutput& output, bool& room) {
    room_ = false;
    Scope scope(loop_.executor(), "room");
    scope.spawn(wait_room(output));
    co_await scope.close();
    room = room_;
  }
  bool room_ = false;
};

TEST_F(ExecOutputTest, CanBeReadAgainFromAnyByteThatIsKept) {
  append("hello ");
  append("world");
  EXPECT_EQ(*read(0), "hello world");
  EXPECT_EQ(*read(6), "world");
  EXPECT_EQ(read(12).error().code, Code::OutOfRange);
}

TEST_F(ExecOutputTest, KeepsOnlyTheNewestOfWhatWasRead) {
  const std::string piece(ExecOutput::kKept, 'x');
  std::uint64_t offset = 0;
  for (int i = 0; i < 8; ++i) {
    append(piece);
    offset += read(offset)->size();
  }
  EXPECT_EQ(offset, 8 * ExecOutput::kKept);
  EXPECT_EQ(read(0).error().code, Code::OutOfRange);
  EXPECT_EQ(read(offset - ExecOutput::kKept)->size(), ExecOutput::kKept);
}

TEST_F(ExecOutputTest, HasNoRoomWhileTooMuchIsUnread) {
  EXPECT_TRUE(has_room());
  append(std::string(ExecOutput::kAhead, 'x'));
  EXPECT_FALSE(has_room());
  EXPECT_EQ(read(0)->size(), ExecOutput::kAhead);
  EXPECT_TRUE(has_room());
}

TEST_F(ExecOutputTest, OfAContainersOwnCommandDropsTheOldestUnlessSomebodyReads) {
  ExecOutput own(loop_.executor(), ExecOutput::Unread::Drops);
  const std::string piece(ExecOutput::kAhead, 'x');
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(has_room(own));
    own.append(piece);
  }
  EXPECT_GT(own.first(), 0u);
  {
    const ExecOutput::Reader reader(own);
    EXPECT_FALSE(has_room(own));
    own.stop_waits();
    EXPECT_TRUE(has_room(own));
  }
}

}  // namespace
}  // namespace bimodal::runtime
