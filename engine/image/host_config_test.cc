#include "image/host_config.h"

#include <gtest/gtest.h>

#include "image/ini_file.h"
#include "image/test_directory.h"

namespace bimodal::image {
namespace {

using Values = std::map<std::string, std::string>;

class HostConfigTest : public testing::Test {
 protected:
  HostConfig read(Values environment = {}, std::string_view apt_dump = "") {
    environment.emplace("HOME", "/home/me");
    return read_host_config(environment, apt_dump, root_.path());
  }

  TestDirectory root_;
};

TEST_F(HostConfigTest, KeepsIndexesAndProxiesAndDropsEverythingElse) {
  auto config = read(
      {{"PIP_INDEX_URL", "https://m/simple"},
       {"https_proxy", "http://p:1"},
       {"PIP_TARGET", "/t"},
       {"PIP_CACHE_DIR", "/c"},
       {"UV_CACHE_DIR", "/c"},
       {"AWS_SECRET_ACCESS_KEY", "s"}});
  EXPECT_EQ(config.env.at("PIP_INDEX_URL"), "https://m/simple");
  EXPECT_EQ(config.env.at("https_proxy"), "http://p:1");
  for (const char* name : {"PIP_TARGET", "PIP_CACHE_DIR", "UV_CACHE_DIR", "AWS_SECRET_ACCESS_KEY"}) {
    EXPECT_FALSE(config.env.contains(name)) << name;
  }
}

TEST_F(HostConfigTest, CarriesOneCopyOfTheCertificatesForAllWhoNameThem) {
  root_.write("etc/ca.crt", "certificates");
  auto config = read({{"PIP_CERT", "/etc/ca.crt"}, {"SSL_CERT_FILE", "/etc/ca.crt"}, {"CURL_CA_BUNDLE", "/gone"}});
  EXPECT_EQ(config.env.at("PIP_CERT"), config.env.at("SSL_CERT_FILE"));
  EXPECT_FALSE(config.env.contains("CURL_CA_BUNDLE"));
  auto name = config.env.at("PIP_CERT").substr(kHostDirectory.size() + 1);
  EXPECT_EQ(config.files.at(name), "certificates");
}

TEST_F(HostConfigTest, MergesPipsFilesInItsOrder) {
  root_.write("etc/pip.conf", "[global]\nindex-url = https://site/simple\ntimeout = 7\ncache-dir = /c\n");
  root_.write("home/me/.config/pip/pip.conf", "[global]\nindex_url = https://mine/simple\n[install]\nno-deps = yes\n");
  auto config = read();
  EXPECT_EQ(
      config.files.at("pip.conf"),
      "[global]\nindex-url = https://mine/simple\ntimeout = 7\n[install]\nno-deps = yes\n");
  EXPECT_EQ(config.env.at("PIP_CONFIG_FILE"), std::string(kHostDirectory) + "/pip.conf");
}

TEST_F(HostConfigTest, ReadsNoFilesOfPipWhenItsUserTurnsThemOff) {
  root_.write("etc/pip.conf", "[global]\nindex-url = https://site/simple\n");
  EXPECT_EQ(read({{"PIP_CONFIG_FILE", "/dev/null"}}).files.at("pip.conf"), "");
}

TEST_F(HostConfigTest, PutsTheCertificatesOfPipConfInside) {
  root_.write("etc/pip.conf", "[global]\ncert = /etc/ca.crt\n");
  root_.write("etc/ca.crt", "certificates");
  auto config = read();
  EXPECT_NE(config.files.at("pip.conf").find("cert = " + std::string(kHostDirectory)), std::string::npos);
  EXPECT_TRUE(config.env.contains("SSL_CERT_FILE"));
}

TEST_F(HostConfigTest, ShowsFindLinksDirectoriesThatExistAndDropsOthers) {
  std::filesystem::create_directories(root_ / "opt/wheels");
  auto config = read({{"PIP_FIND_LINKS", "/opt/wheels /opt/gone https://m/links"}});
  EXPECT_EQ(config.env.at("PIP_FIND_LINKS"), std::string(kHostDirectory) + "/links-0 https://m/links");
  EXPECT_EQ(config.directories.at("links-0"), root_ / "opt/wheels");
  EXPECT_FALSE(read({{"PIP_FIND_LINKS", "/opt/gone"}}).env.contains("PIP_FIND_LINKS"));
}

TEST_F(HostConfigTest, LendsPipsIndexesToUvUnlessItHasItsOwn) {
  root_.write("etc/pip.conf", "[global]\nindex-url = https://site/simple\n");
  EXPECT_EQ(read().env.at("UV_DEFAULT_INDEX"), "https://site/simple");
  EXPECT_FALSE(read({{"UV_INDEX_URL", "https://uv/simple"}}).env.contains("UV_DEFAULT_INDEX"));
  root_.write("etc/uv/uv.toml", "[[index]]\n");
  auto config = read();
  EXPECT_FALSE(config.env.contains("UV_DEFAULT_INDEX"));
  EXPECT_EQ(config.files.at("uv.toml"), "[[index]]\n");
}

TEST_F(HostConfigTest, KeepsAptsProxiesAndCertificates) {
  root_.write("etc/ca.crt", "certificates");
  auto config = read(
      {},
      "Acquire::http::Proxy \"http://p:3142\";\nAcquire::https::CaInfo \"/etc/ca.crt\";\n"
      "Acquire::Check-Date \"false\";\nAcquire::cdrom::mount \"/m\";\nDir::Cache \"/c\";\n");
  const auto& text = config.files.at("apt.conf");
  EXPECT_NE(text.find("Acquire::http::Proxy \"http://p:3142\";\n"), std::string::npos);
  EXPECT_NE(text.find("Acquire::https::CaInfo \"" + std::string(kHostDirectory)), std::string::npos);
  EXPECT_NE(text.find("Check-Date"), std::string::npos);
  EXPECT_EQ(text.find("cdrom"), std::string::npos);
  EXPECT_EQ(text.find("Dir::Cache"), std::string::npos);
  EXPECT_EQ(config.apt_options.size(), 3u);
}

TEST_F(HostConfigTest, WritesItsFilesAndMountPoints) {
  std::filesystem::create_directories(root_ / "opt/wheels");
  auto config = read({{"PIP_FIND_LINKS", "/opt/wheels"}});
  TestDirectory out;
  ASSERT_TRUE(write_host_files(config, out / "host"));
  EXPECT_TRUE(std::filesystem::is_directory(out / "host/links-0"));
  EXPECT_NE(content_of(out / "host/apt.conf"), "(missing)");
}

TEST(IniFile, JoinsTheLinesOfOneValue) {
  IniFile file;
  merge_ini(file, "# note\n[global]\nextra-index-url =\n    https://a\n    https://b\n\n; note\nFind_Links: x\n");
  EXPECT_EQ(file["global"]["extra-index-url"], "https://a\nhttps://b");
  EXPECT_EQ(file["global"]["find-links"], "x");
  IniFile again;
  merge_ini(again, print_ini(file));
  EXPECT_EQ(again, file);
}

TEST(IniFile, SkipsWhatIsNoIni) {
  IniFile file;
  merge_ini(file, "stray\n  more\n[a]\nno separator\n");
  EXPECT_TRUE(file["a"].empty());
}

}  // namespace
}  // namespace bimodal::image
