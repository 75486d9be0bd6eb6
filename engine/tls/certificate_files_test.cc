#include "tls/certificate_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/private_files.h"
#include "tls/issuing.h"
#include "tls/own_certificates.h"

namespace bimodal::tls {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Validity for_a_day() {
  const auto now = std::chrono::system_clock::now();
  return {.begins = now - 1h, .ends = now + 24h};
}

class CertificateFilesTest : public testing::Test {
 protected:
  CertificateFilesTest() {
    std::string name = fs::temp_directory_path() / "bm-tls-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~CertificateFilesTest() override { fs::remove_all(directory_); }

  CertificatePaths write(const std::string& name, const std::vector<std::string>& names) {
    const KeyPair pair = issue(authority_, names, for_a_day()).value();
    CertificatePaths paths{.certificate = directory_ / (name + ".pem"), .key = directory_ / (name + ".key")};
    EXPECT_TRUE(write_private(paths.certificate, pair.certificate));
    EXPECT_TRUE(write_private(paths.key, pair.key));
    return paths;
  }

  const KeyPair authority_ = make_authority("test", for_a_day()).value();
  fs::path directory_;
};

TEST_F(CertificateFilesTest, AnExactNameGoesBeforeAWildcard) {
  const auto wide = write("wide", {"*.example.com"});
  const auto exact = write("exact", {"a.example.com"});
  const auto files = CertificateFiles::load({wide, exact}, CertificateFiles::Unknown::Refuse).value();
  EXPECT_EQ(files->find("a.example.com")->names().front(), "a.example.com");
  EXPECT_EQ(files->find("b.example.com")->names().front(), "*.example.com");
  EXPECT_EQ(files->find("example.org"), nullptr);
  EXPECT_EQ(files->find(""), nullptr);
}

TEST_F(CertificateFilesTest, TheFirstAnswersForUnknownNamesWhereItShould) {
  const auto files =
      CertificateFiles::load({write("a", {"a.test"}), write("b", {"b.test"})}, CertificateFiles::Unknown::ShowFirst)
          .value();
  EXPECT_EQ(files->find("c.test")->names().front(), "a.test");
}

TEST_F(CertificateFilesTest, AreReadAnewOnlyWhenTheyChange) {
  const auto paths = write("a", {"a.test"});
  const auto files = CertificateFiles::load({paths}, CertificateFiles::Unknown::Refuse).value();
  const auto first = files->find("a.test");
  EXPECT_EQ(files->reload().value(), 0);
  EXPECT_EQ(files->find("a.test"), first);
  write("a", {"a.test", "more.test"});
  EXPECT_EQ(files->reload().value(), 1);
  EXPECT_NE(files->find("more.test"), nullptr);
}

TEST_F(CertificateFilesTest, TheOneBeforeStaysWhenTheNewOneIsBroken) {
  const auto paths = write("a", {"a.test"});
  const auto files = CertificateFiles::load({paths}, CertificateFiles::Unknown::Refuse).value();
  const auto first = files->find("a.test");
  ASSERT_TRUE(write_private(paths.certificate, "nothing"));
  const auto failed = files->reload();
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().message.find(paths.certificate.string()), std::string::npos);
  EXPECT_EQ(files->find("a.test"), first);
  EXPECT_EQ(files->reload().value(), 0) << "it is told once";
  fs::remove(paths.key);
  EXPECT_FALSE(files->reload().has_value());
  EXPECT_EQ(files->find("a.test"), first);
}

TEST_F(CertificateFilesTest, AnAuthorityIsMadeOnceAndKept) {
  const auto any = [](const std::string& name) { return name != "foreign.example"; };
  const fs::path home = directory_ / "ca";
  std::string before;
  {
    const auto own = OwnCertificates::open(home, any).value();
    EXPECT_TRUE(own->find("a.localhost")->covers("a.localhost"));
    EXPECT_EQ(own->find("a.localhost"), own->find("a.localhost"));
    EXPECT_TRUE(own->find("")->covers("localhost"));
    EXPECT_EQ(own->find("foreign.example"), nullptr);
    EXPECT_EQ(own->find("a,DNS:foreign.example"), nullptr);
    before = read_file(own->authority_file()).value();
  }
  for (const auto& entry : fs::directory_iterator(home)) {
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << entry.path();
  }
  EXPECT_EQ(read_file(OwnCertificates::open(home, any).value()->authority_file()).value(), before);
  ASSERT_TRUE(write_private(home / "ca.key", "nothing"));
  const auto damaged = OwnCertificates::open(home, any);
  ASSERT_FALSE(damaged.has_value());
  EXPECT_EQ(damaged.error().code, Code::DataLoss);
}

}  // namespace
}  // namespace bimodal::tls
