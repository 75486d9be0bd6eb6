#include "control/dicts.h"

#include "control/clock.h"
#include "control/collector.h"
#include "control/service_fixture.h"
#include "store/dict_table.h"

namespace bimodal::control {
namespace {

constexpr auto kEphemeral = api::OBJECT_CREATION_TYPE_EPHEMERAL;
constexpr auto kIfMissing = api::OBJECT_CREATION_TYPE_CREATE_IF_MISSING;

class DictsTest : public ServiceTest {
 protected:
  DictsTest() {
    EXPECT_TRUE(transact([](store::Transaction& transaction) {
      return transaction.run(
          "INSERT INTO environments VALUES ('en-1', 'main', '', 1, 0), ('en-2', 'dev', 'dev', 0, 0)");
    }));
  }

  Result<std::string> make(const std::string& name, api::ObjectCreationType how, const std::string& environment = "") {
    api::DictGetOrCreateRequest request;
    request.set_deployment_name(name);
    request.set_environment_name(environment);
    request.set_object_creation_type(how);
    TRY(auto response, call<api::DictGetOrCreateResponse>("DictGetOrCreate", request));
    return response.dict_id();
  }

  Result<bool> put(const std::string& dict, const std::string& key, const std::string& value, bool only_new = false) {
    api::DictUpdateRequest request;
    request.set_dict_id(dict);
    request.set_if_not_exists(only_new);
    auto& entry = *request.add_updates();
    entry.set_key(key);
    entry.set_value(value);
    TRY(auto response, call<api::DictUpdateResponse>("DictUpdate", request));
    return response.created();
  }

  std::string get(const std::string& dict, const std::string& key) {
    api::DictGetRequest request;
    request.set_dict_id(dict);
    request.set_key(key);
    auto response = call<api::DictGetResponse>("DictGet", request).value();
    EXPECT_EQ(response.found(), response.has_value());
    return response.found() ? response.value() : "none";
  }

  int len(const std::string& dict) {
    api::DictLenRequest request;
    request.set_dict_id(dict);
    return call<api::DictLenResponse>("DictLen", request).value().len();
  }

  void wait(double seconds) {  // as if so long had passed
    EXPECT_TRUE(transact([&](store::Transaction& transaction) -> Result<int> {
      TRY_VOID(transaction.run("UPDATE dict_entries SET used_at = used_at - ?", {seconds}));
      return transaction.run("UPDATE objects SET expires_at = expires_at - ? WHERE expires_at > 0", {seconds});
    }));
  }

  Result<void> expire() {
    Result<void> expired;
    loop_.run_blocking(expire_into(expired));
    return expired;
  }

  Dicts dicts_{context_, service_};
  Collector collector_{context_};

 private:
  Task<void> expire_into(Result<void>& expired) { expired = co_await collector_.expire(); }
};

TEST_F(DictsTest, KeepsNamesApartByEnvironment) {
  EXPECT_EQ(make("d", api::OBJECT_CREATION_TYPE_UNSPECIFIED).error().code, Code::NotFound);
  const auto main = make("d", kIfMissing).value();
  EXPECT_EQ(make("d", kIfMissing).value(), main);
  EXPECT_NE(make("d", kIfMissing, "dev").value(), main);
  EXPECT_EQ(make("d", api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS).error().code, Code::AlreadyExists);
  EXPECT_EQ(make("a/b", kIfMissing).error().code, Code::InvalidArgument);
  EXPECT_EQ(make("", kIfMissing).error().code, Code::InvalidArgument);
}

TEST_F(DictsTest, PutsGetsAndPopsBytes) {
  const auto dict = make("d", kIfMissing).value();
  const std::string key("k\0y", 3);
  EXPECT_TRUE(put(dict, key, "1").value());
  EXPECT_TRUE(put(dict, key, "2").value());
  EXPECT_FALSE(put(dict, key, "3", true).value());
  EXPECT_TRUE(put(dict, "", "empty", true).value());
  EXPECT_EQ(get(dict, key), "2");
  EXPECT_EQ(get(dict, "k"), "none");
  EXPECT_EQ(len(dict), 2);
  api::DictPopRequest request;
  request.set_dict_id(dict);
  request.set_key(key);
  EXPECT_EQ(call<api::DictPopResponse>("DictPop", request).value().value(), "2");
  EXPECT_FALSE(call<api::DictPopResponse>("DictPop", request).value().found());
}

TEST_F(DictsTest, StreamsMoreEntriesThanFitOnAPageEachOnce) {
  const auto dict = make("d", kIfMissing).value();
  std::map<std::string, std::string> expected = {{"", "v"}};
  for (int i = 0; i < 600; ++i) expected[std::to_string(i)] = i % 200 == 0 ? std::string(3 << 20, 'x') : "v";
  for (const auto& [key, value] : expected) ASSERT_TRUE(put(dict, key, value));
  api::DictContentsRequest request;
  request.set_dict_id(dict);
  request.set_values(true);
  std::vector<api::DictEntry> entries;
  ASSERT_TRUE(stream("DictContents", request, entries));
  std::map<std::string, std::string> found;
  for (const auto& entry : entries) found.emplace(entry.key(), entry.value());
  EXPECT_EQ(entries.size(), expected.size());
  EXPECT_TRUE(found == expected);
}

TEST_F(DictsTest, RefusesAnEntryThatIsTooLargeAsTheClientUnderstandsIt) {
  const auto dict = make("d", kIfMissing).value();
  const auto refused = put(dict, "k", std::string(Dicts::kMaxEntry, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("status = '413'"), std::string::npos);
}

TEST_F(DictsTest, ForgetsAnEntryThatNobodyUsedForAWeek) {
  const auto dict = make("d", kIfMissing).value();
  ASSERT_TRUE(put(dict, "read", "1") && put(dict, "unread", "2"));
  wait(6 * 86400);
  EXPECT_EQ(get(dict, "read"), "1");
  wait(2 * 86400);
  EXPECT_EQ(len(dict), 1);
  EXPECT_EQ(get(dict, "unread"), "none");
  EXPECT_EQ(get(dict, "read"), "1");
  EXPECT_TRUE(put(dict, "unread", "again", true).value());
}

TEST_F(DictsTest, AnEphemeralDictGoesWithItsClient) {
  const auto dict = make("", kEphemeral).value();
  const auto named = make("d", kIfMissing).value();
  ASSERT_TRUE(put(dict, "k", "v"));
  api::DictHeartbeatRequest beat;
  beat.set_dict_id(dict);
  wait(10 * 60);
  ASSERT_TRUE(call<rpc::Empty>("DictHeartbeat", beat));
  wait(10 * 60);
  ASSERT_TRUE(expire());
  EXPECT_EQ(get(dict, "k"), "v");
  wait(10 * 60);
  EXPECT_EQ(call<rpc::Empty>("DictHeartbeat", beat).error().code, Code::NotFound);
  EXPECT_EQ(put(dict, "k", "v").error().code, Code::NotFound);
  ASSERT_TRUE(expire());
  std::int64_t left = -1;
  ASSERT_TRUE(transact([&](store::Transaction& transaction) {
    return transaction.query(
        "SELECT (SELECT count(*) FROM objects) + (SELECT count(*) FROM dict_entries)", {},
        [&](const store::Row& row) { left = row.integer(0); });
  }));
  EXPECT_EQ(left, 1) << "the named one";
  EXPECT_EQ(len(named), 0);
}

}  // namespace
}  // namespace bimodal::control
