#include "control/queues.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <future>

#include "control/service_fixture.h"

namespace bimodal::control {
namespace {

using Values = std::vector<std::string>;

class QueuesTest : public ServiceTest {
 protected:
  QueuesTest() {
    EXPECT_TRUE(transact([](store::Transaction& transaction) {
      return transaction.run("INSERT INTO environments VALUES ('en-1', 'main', '', 1, 0)");
    }));
    api::QueueGetOrCreateRequest request;
    request.set_deployment_name("q");
    request.set_object_creation_type(api::OBJECT_CREATION_TYPE_CREATE_IF_MISSING);
    queue_ = call<api::QueueGetOrCreateResponse>("QueueGetOrCreate", request).value().queue_id();
  }

  Result<rpc::Empty> put(const Values& values, const std::string& partition = "", int life_s = 0) {
    api::QueuePutRequest request;
    request.set_queue_id(queue_);
    request.set_partition_key(partition);
    request.set_partition_ttl_seconds(life_s);
    for (const auto& value : values) request.add_values(value);
    return call<rpc::Empty>("QueuePut", request);
  }

  api::QueueGetRequest getting(int count, float timeout_s, const std::string& partition = "") {
    api::QueueGetRequest request;
    request.set_queue_id(queue_);
    request.set_partition_key(partition);
    request.set_n_values(count);
    request.set_timeout(timeout_s);
    return request;
  }

  Values get(int count, float timeout_s = 0, const std::string& partition = "") {
    auto response = call<api::QueueGetResponse>("QueueGet", getting(count, timeout_s, partition)).value();
    return {response.values().begin(), response.values().end()};
  }

  int len(const std::string& partition = "", bool total = false) {
    api::QueueLenRequest request;
    request.set_queue_id(queue_);
    request.set_partition_key(partition);
    request.set_total(total);
    return call<api::QueueLenResponse>("QueueLen", request).value().len();
  }

  void wait(double seconds) {  // as if so long had passed
    EXPECT_TRUE(transact([&](store::Transaction& transaction) {
      return transaction.run("UPDATE queue_partitions SET expires_at = expires_at - ?", {seconds});
    }));
  }

  // A call that goes on; cancelled when `leave` is emitted on the loop.
  std::future<void> start_get(const api::QueueGetRequest& request, boost::asio::cancellation_signal& leave) {
    const rpc::Method* method = service_.find("/modal.client.ModalClient/QueueGet");
    auto ended = std::make_shared<std::promise<void>>();
    boost::asio::co_spawn(
        loop_.executor(),
        method->run(rpc::Call{"QueueGet", client()}, std::make_unique<api::QueueGetRequest>(request), nullptr),
        boost::asio::bind_cancellation_slot(
            leave.slot(), [ended](std::exception_ptr, Result<rpc::SharedMessage>) { ended->set_value(); }));
    return ended->get_future();
  }

  std::string queue_;
  Queues queues_{context_, service_};
};

TEST_F(QueuesTest, GivesItemsInTheirOrderByPartition) {
  ASSERT_TRUE(put({"1", "2", "3"}) && put({"x"}, "other"));
  EXPECT_EQ(get(2), (Values{"1", "2"}));
  EXPECT_EQ(get(9), (Values{"3"}));
  EXPECT_EQ(get(1), Values{});
  EXPECT_EQ(len(), 0);
  EXPECT_EQ(len("", true), 1);
  EXPECT_EQ(get(1, 0, "other"), (Values{"x"}));
}

TEST_F(QueuesTest, AGetWaitsForAPut) {
  auto waiting = std::async(std::launch::async, [this] { return get(5, 30); });
  ASSERT_TRUE(put({"late"}));
  EXPECT_EQ(waiting.get(), (Values{"late"}));
}

TEST_F(QueuesTest, AFullPartitionTakesNothingAndOthersGoOn) {
  const Values many(store::QueueTable::kMaxItems, "x");
  ASSERT_TRUE(put(many));
  EXPECT_EQ(put({"one more"}).error().code, Code::ResourceExhausted);
  EXPECT_TRUE(put({"y"}, "other"));
  ASSERT_EQ(get(1).size(), 1u);
  EXPECT_EQ(put({"a", "b"}).error().code, Code::ResourceExhausted) << "all or none";
  EXPECT_TRUE(put({"a"}));
  EXPECT_EQ(len(), store::QueueTable::kMaxItems);
  const Values large(65, std::string(1 << 20, 'x'));
  EXPECT_EQ(put(large, "large").error().code, Code::InvalidArgument) << "would never fit";
  EXPECT_EQ(put({std::string((1 << 20) + 1, 'x')}).error().code, Code::InvalidArgument);
  EXPECT_EQ(put({"x"}, std::string(65, 'k')).error().code, Code::InvalidArgument);
}

TEST_F(QueuesTest, APartitionIsClearedWhenItsTimeIsOver) {
  ASSERT_TRUE(put({"short"}, "a", 10) && put({"long"}, "b"));
  wait(11);
  EXPECT_EQ(len("a"), 0);
  EXPECT_EQ(get(1, 0, "a"), Values{});
  ASSERT_TRUE(put({"new"}, "a", 10));
  EXPECT_EQ(get(5, 0, "a"), (Values{"new"}));
  EXPECT_EQ(get(5, 0, "b"), (Values{"long"}));
  EXPECT_EQ(put({"x"}, "c", -1).error().code, Code::InvalidArgument);
}

TEST_F(QueuesTest, ItemsCanBeReadInPlacePageByPage) {
  Values values;
  for (int i = 0; i < 250; ++i) values.push_back(std::to_string(i));
  ASSERT_TRUE(put(values));
  api::QueueNextItemsRequest request;
  request.set_queue_id(queue_);
  Values read;
  while (true) {
    auto page = call<api::QueueNextItemsResponse>("QueueNextItems", request).value();
    if (page.items().empty()) break;
    for (const auto& item : page.items()) read.push_back(item.value());
    request.set_last_entry_id(page.items().rbegin()->entry_id());
  }
  EXPECT_EQ(read, values);
  EXPECT_EQ(len(), 250);
  request.set_last_entry_id("nonsense");
  EXPECT_EQ(call<api::QueueNextItemsResponse>("QueueNextItems", request).error().code, Code::InvalidArgument);
}

TEST_F(QueuesTest, ACallerThatLeavesTakesNothingAlong) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(put({"1", "2"}));
    boost::asio::cancellation_signal leave;
    auto ended = start_get(getting(1, 30), leave);
    boost::asio::post(loop_.executor(), [&] { leave.emit(boost::asio::cancellation_type::terminal); });
    ended.get();
    const auto left = get(9);
    // Either the answer was on its way already, or nothing is missing, in the old order.
    EXPECT_TRUE(left == (Values{"1", "2"}) || left == (Values{"2"})) << left.size();
  }
}

TEST_F(QueuesTest, ACallerThatLeavesWhileItWaitsGetsNothingLater) {
  boost::asio::cancellation_signal leave;
  auto ended = start_get(getting(1, 30), leave);
  EXPECT_EQ(get(1), Values{});
  boost::asio::post(loop_.executor(), [&] { leave.emit(boost::asio::cancellation_type::terminal); });
  ended.get();
  ASSERT_TRUE(put({"kept"}));
  EXPECT_EQ(get(1), (Values{"kept"}));
}

TEST_F(QueuesTest, WaitingCallersOfADeletedQueueAreTold) {
  Result<api::QueueGetResponse> answer = api::QueueGetResponse();
  auto waiting =
      std::async(std::launch::async, [&] { answer = call<api::QueueGetResponse>("QueueGet", getting(1, 30)); });
  api::QueueDeleteRequest request;
  request.set_queue_id(queue_);
  ASSERT_TRUE(call<rpc::Empty>("QueueDelete", request));
  waiting.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::NotFound);
}

}  // namespace
}  // namespace bimodal::control
