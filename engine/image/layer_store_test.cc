#include "image/layer_store.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "image/test_directory.h"

namespace bimodal::image {
namespace {

namespace fs = std::filesystem;

class LayerStoreTest : public testing::Test {
 protected:
  LayerStore open() {
    auto store = LayerStore::open(directory_ / "layers");
    EXPECT_TRUE(store) << store.error().message;
    return *std::move(store);
  }

  Scratch tree_with(const LayerStore& store, std::string_view content) {
    auto scratch = store.scratch();
    EXPECT_TRUE(scratch);
    EXPECT_TRUE(write_file(scratch->tree() / "file", content));
    return *std::move(scratch);
  }

  std::string commit(const LayerStore& store, std::string_view content, LayerStore::Existing existing) {
    auto name = store.commit(tree_with(store, content), kKey, "test", existing);
    EXPECT_TRUE(name) << name.error().message;
    return name.value_or("");
  }

  const std::string kKey = sha256_hex("key");
  TestDirectory directory_;
};

TEST_F(LayerStoreTest, FindsWhatItCommitted) {
  auto store = open();
  EXPECT_FALSE(store.find(kKey));
  auto name = commit(store, "1", LayerStore::Existing::Keep);
  EXPECT_EQ(store.find(kKey), name);
  EXPECT_EQ(name.size(), 16u);
  EXPECT_EQ(content_of(store.path_of(name) / "file"), "1");
}

TEST_F(LayerStoreTest, KeepsTheFirstOfTwoThatWereMadeAtOnce) {
  auto store = open();
  auto other = open();  // another daemon on the same directory
  auto first = commit(store, "1", LayerStore::Existing::Keep);
  EXPECT_EQ(commit(other, "2", LayerStore::Existing::Keep), first);
  EXPECT_EQ(content_of(store.path_of(first) / "file"), "1");
}

TEST_F(LayerStoreTest, ReplacesUnderANewNameAndLeavesTheOldLayer) {
  auto store = open();
  auto first = commit(store, "1", LayerStore::Existing::Keep);
  auto second = commit(store, "2", LayerStore::Existing::Replace);
  EXPECT_NE(first, second);
  EXPECT_EQ(store.find(kKey), second);
  EXPECT_EQ(content_of(store.path_of(first) / "file"), "1");
}

TEST_F(LayerStoreTest, DoesNotTakeAnotherKeyWithTheSameShortName) {
  auto store = open();
  commit(store, "1", LayerStore::Existing::Keep);
  EXPECT_FALSE(store.find(kKey.substr(0, 16) + sha256_hex("other").substr(16)));
}

TEST_F(LayerStoreTest, MakesALayerAgainWhoseDirectoryIsGone) {
  auto store = open();
  auto name = commit(store, "1", LayerStore::Existing::Keep);
  fs::remove_all(store.path_of(name));
  EXPECT_FALSE(store.find(kKey));
  EXPECT_EQ(commit(store, "2", LayerStore::Existing::Keep), name);
}

TEST_F(LayerStoreTest, RemovesScratchThatIsDroppedOrWhoseOwnerIsGone) {
  fs::path dropped;
  {
    auto store = open();
    dropped = tree_with(store, "1").directory();
    EXPECT_FALSE(fs::exists(dropped));
  }
  fs::create_directories(directory_ / "layers/scratch/dead/left");
  auto store = open();
  EXPECT_FALSE(fs::exists(directory_ / "layers/scratch/dead"));
}

TEST_F(LayerStoreTest, LeavesTheScratchOfALivingOwnerAlone) {
  auto store = open();
  auto scratch = tree_with(store, "1");
  auto other = open();
  EXPECT_TRUE(fs::exists(scratch.tree() / "file"));
}

}  // namespace
}  // namespace bimodal::image
