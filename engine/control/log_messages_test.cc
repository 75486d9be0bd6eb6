#include "control/log_messages.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;

store::LogRecord record(std::uint64_t sequence, std::string task_id, std::string text) {
  store::LogRecord out;
  out.sequence = sequence;
  out.entry.task_id = std::move(task_id);
  out.entry.text = std::move(text);
  out.entry.at = std::chrono::system_clock::time_point(1700000000500ms);
  return out;
}

TEST(LogBatches, HoldOneContainersLinesEachInOrder) {
  auto batches = batches_of(
      {record(1, "ta-a", "1\n"), record(2, "ta-a", "2\n"), record(3, "ta-b", "3\n"), record(4, "ta-a", "4\n")});
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].items_size(), 2);
  EXPECT_EQ(batches[0].entry_id(), "2");
  EXPECT_EQ(batches[1].task_id(), "ta-b");
  EXPECT_EQ(batches[2].items(0).data(), "4\n");
  EXPECT_EQ(cursor_of(batches[2].entry_id()), 4u);
  EXPECT_DOUBLE_EQ(batches[0].items(0).timestamp(), 1700000000.5);
  EXPECT_EQ(batches[0].items(0).timestamp_ns(), 1700000000500000000u);
  EXPECT_EQ(batches[0].items(0).file_descriptor(), api::FILE_DESCRIPTOR_STDOUT);
}

TEST(LogBatches, NameTheRequestThatSaidALine) {
  auto said = record(1, "ta-a", "x\n");
  said.entry.input_id = "in-1";
  said.entry.function_call_id = "fc-1";
  auto batches = batches_of({said, record(2, "ta-a", "y\n")});
  EXPECT_EQ(batches[0].items(0).input_id(), "in-1");
  EXPECT_EQ(batches[0].items(0).function_call_id(), "fc-1");
  EXPECT_EQ(batches[0].items(1).function_call_id(), "");
}

TEST(LogBatches, AreValidUtf8WhateverAProgramWrites) {
  EXPECT_EQ(batches_of({record(1, "ta-a", "\xFFx")})[0].items(0).data(), "\xEF\xBF\xBDx");
}

TEST(LogCursor, StartsOverForWhatIsNotOurs) {
  EXPECT_EQ(cursor_of(""), 0u);
  EXPECT_EQ(cursor_of("1-2"), 0u);
  EXPECT_EQ(cursor_of("17"), 17u);
}

TEST(LogCounter, CountsByBucketAndStream) {
  LogCounter counter(60);
  auto first = record(1, "ta-a", "x");
  counter.add(first);
  auto second = record(2, "ta-a", "x");
  second.entry.stream = model::LogStream::Stderr;
  second.entry.at += 60s;
  counter.add(second);
  counter.add(second);
  api::AppCountLogsResponse response;
  counter.write_to(response);
  ASSERT_EQ(response.buckets_size(), 2);
  EXPECT_EQ(response.buckets(0).bucket_start_at().seconds(), 1699999980);
  EXPECT_EQ(response.buckets(0).stdout_logs(), 1u);
  EXPECT_EQ(response.buckets(1).stderr_logs(), 2u);
}

}  // namespace
}  // namespace bimodal::control
