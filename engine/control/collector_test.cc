#include "control/collector.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "control/clock.h"
#include "control/fake_builder.h"
#include "control/mount_layer.h"
#include "control/mount_records.h"
#include "control/service_fixture.h"
#include "store/app_table.h"
#include "store/environment_table.h"
#include "store/function_table.h"
#include "store/mount_table.h"

namespace bimodal::control {
namespace {

class CollectorTest : public ServiceTest {
 protected:
  CollectorTest() { context_.builder = &builder_; }

  // Content that was stored, and a mount of it that was announced, so long ago.
  std::string mount(const std::string& content, double age_secs) {
    const std::string digest = blobs_.put(content).value();
    age(digest, age_secs);
    const std::vector<MountedFile> files = {{"/root/" + content + ".py", digest}};
    const std::string mount_id =
        transact([&](store::Transaction& transaction) { return save_mount(transaction, files); }).value();
    EXPECT_TRUE(make_mount_layer(blobs_, files, layer(mount_id)));
    EXPECT_TRUE(transact([&](store::Transaction& transaction) {
      return transaction.run("UPDATE mounts SET created_at = ? WHERE mount_id = ?", {unix_now() - age_secs, mount_id});
    }));
    return mount_id;
  }

  void age(const std::string& digest, double age_secs) {
    const auto then = static_cast<std::time_t>(unix_now() - age_secs);
    const timespec times[2] = {{then, 0}, {then, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, blobs_.path_of(digest).c_str(), times, 0), 0);
  }

  // A definition of some kept version that names `mount_id`.
  void use(const std::string& mount_id) {
    ASSERT_TRUE(transact([&](store::Transaction& transaction) -> Result<int> {
      TRY_VOID(transaction.run("INSERT OR IGNORE INTO environments VALUES ('en-1', 'main', '', 1, 0)"));
      TRY_VOID(transaction.run("INSERT OR IGNORE INTO apps VALUES ('ap-1', 'en-1', '', '', 3, 1, 0, 0, 0)"));
      TRY_VOID(transaction.run("INSERT OR IGNORE INTO functions VALUES ('fu-1', 'ap-1', 'hello', NULL)"));
      api::Function function;
      function.add_mount_ids(mount_id);
      store::Definition definition{"de-" + mount_id, "fu-1", mount_id, function.SerializeAsString(), 0};
      TRY_VOID(store::DefinitionTable(transaction).stage(definition));
      return 0;
    }));
  }

  bool knows(const std::string& mount_id) {
    auto find = [&](store::Transaction& transaction) { return store::MountTable(transaction).find(mount_id); };
    return transact(find).value().has_value();
  }
  std::filesystem::path layer(const std::string& mount_id) { return mount_layer_path(builder_.layers_dir(), mount_id); }
  bool has(const std::string& content) { return blobs_.contains(sha256_hex(content)); }

  Collected collect() {
    Result<Collected> collected = Collected();
    loop_.run_blocking(collect_into(collected));
    EXPECT_TRUE(collected);
    return collected.value_or(Collected());
  }

  static constexpr double kOld = 8 * 86400, kYoung = 6 * 86400;
  FakeBuilder builder_{loop_.executor(), home_ / "layers"};
  Collector collector_{context_};

 private:
  Task<void> collect_into(Result<Collected>& collected) { collected = co_await collector_.collect(); }
};

TEST_F(CollectorTest, RemovesAMountThatNoVersionNeedsWithItsLayerAndBlobs) {
  const auto unused = mount("unused", kOld);
  const auto needed = mount("needed", kOld);
  use(needed);
  const auto collected = collect();
  EXPECT_EQ(collected.mounts, 1u);
  EXPECT_EQ(collected.blobs, 1u);
  EXPECT_FALSE(knows(unused) || has("unused") || std::filesystem::exists(layer(unused)));
  EXPECT_TRUE(knows(needed) && has("needed") && std::filesystem::exists(layer(needed)));
  EXPECT_EQ(collect().mounts, 0u);
}

TEST_F(CollectorTest, KeepsWhatADeployUnderWayHasAnnounced) {
  const auto young = mount("young", kYoung);
  const auto again = mount("again", kOld);
  EXPECT_EQ(mount("again", 0), again) << "announced once more";
  EXPECT_EQ(collect().mounts, 0u);
  EXPECT_TRUE(knows(young) && has("young") && knows(again) && has("again"));
}

TEST_F(CollectorTest, KeepsABlobThatAClientWasToldToBeThere) {
  for (const char* content : {"asked for", "forgotten"}) {
    age(blobs_.put(content).value(), kOld);
  }
  EXPECT_TRUE(blobs_.keep(sha256_hex("asked for")));
  EXPECT_EQ(collect().blobs, 1u);
  EXPECT_TRUE(has("asked for"));
  EXPECT_FALSE(has("forgotten"));
}

TEST_F(CollectorTest, KeepsABlobOfAFileThatANeededMountHasToo) {
  const auto unused = mount("shared", kOld);
  const auto needed = transact([&](store::Transaction& transaction) {
    return save_mount(transaction, {{"/root/other.py", sha256_hex("shared")}});
  });
  use(needed.value());
  EXPECT_EQ(collect().mounts, 1u);
  EXPECT_FALSE(knows(unused));
  EXPECT_TRUE(has("shared"));
}

TEST_F(CollectorTest, LeavesLayersAloneThatOtherHomesMayShare) {
  FakeBuilder shared(loop_.executor(), home_ / "elsewhere");
  context_.builder = &shared;
  const auto unused = mount("unused", kOld);
  std::filesystem::create_directories(mount_layer_path(shared.layers_dir(), unused));
  EXPECT_EQ(collect().mounts, 1u);
  EXPECT_TRUE(std::filesystem::exists(mount_layer_path(shared.layers_dir(), unused)));
}

}  // namespace
}  // namespace bimodal::control
