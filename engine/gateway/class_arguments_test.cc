#include "gateway/class_arguments.h"

#include <gtest/gtest.h>

namespace bimodal::gateway {
namespace {

using model::ClassArguments;
using model::ClassParameter;
using model::ParameterType;

const std::vector<ClassParameter> kParameters = {
    {"name", ParameterType::Text, {}},
    {"size", ParameterType::Integer, std::int64_t{7}},
    {"loud", ParameterType::Boolean, false},
    {"salt", ParameterType::Bytes, std::string()},
};

ClassArguments good(std::string_view query) {
  auto arguments = class_arguments(kParameters, query);
  EXPECT_TRUE(arguments) << arguments.error().message;
  return arguments ? *arguments : ClassArguments();
}

std::string bad(std::string_view query) {
  auto arguments = class_arguments(kParameters, query);
  EXPECT_FALSE(arguments) << query;
  return arguments ? "" : arguments.error().message;
}

TEST(ClassArguments, TakeDefaultsForWhatIsNotGiven) {
  const ClassArguments expected = {
      {"name", std::string("x")}, {"size", std::int64_t{7}}, {"loud", false}, {"salt", std::string()}};
  EXPECT_EQ(good("name=x"), expected);
  EXPECT_EQ(good("name=x&size=7"), expected) << "a default that is given makes no other pool";
}

TEST(ClassArguments, AreDecodedAndTyped) {
  ClassArguments arguments = good("name=J%C3%BCrgen+M%26M&size=-12&loud=TRUE&salt=%FF%00a&other=1&name2=y&&=");
  EXPECT_EQ(arguments["name"], model::ParameterValue("Jürgen M&M"));
  EXPECT_EQ(arguments["size"], model::ParameterValue(std::int64_t{-12}));
  EXPECT_EQ(arguments["loud"], model::ParameterValue(true));
  EXPECT_EQ(arguments["salt"], model::ParameterValue(std::string("\xff\0a", 3)));
  EXPECT_EQ(arguments.size(), 4u);
  EXPECT_EQ(std::get<std::string>(good("name=100%&size=0")["name"]), "100%") << "an escape that is none stays";
  EXPECT_EQ(std::get<std::string>(good("name")["name"]), "");
}

TEST(ClassArguments, ThatAreMissingOrOfAnotherTypeAreNamed) {
  EXPECT_EQ(bad(""), "class parameter 'name' is missing; give it in the query string of the URL");
  EXPECT_EQ(bad("name=x&size=big"), "class parameter 'size' must be of type int (of 64 bits)");
  EXPECT_EQ(bad("name=x&size=9223372036854775808"), "class parameter 'size' must be of type int (of 64 bits)");
  EXPECT_EQ(bad("name=x&size="), "class parameter 'size' must be of type int (of 64 bits)");
  EXPECT_EQ(bad("name=x&loud=yes"), "class parameter 'loud' must be of type bool (true or false)");
  EXPECT_EQ(bad("name=%C3"), "class parameter 'name' must be of type str (UTF-8)");
  EXPECT_EQ(bad("name=%ED%A0%80"), "class parameter 'name' must be of type str (UTF-8)");
  EXPECT_EQ(bad("name=x&name=y"), "class parameter 'name' is given twice");
}

TEST(ClassArguments, AreBounded) {
  const std::string name(kMaxArguments - 4, 'x');
  EXPECT_EQ(std::get<std::string>(good("name=" + name)["name"]), name);
  EXPECT_EQ(bad("name=" + name + "x"), "the class parameters are longer than 16384 bytes");
}

}  // namespace
}  // namespace bimodal::gateway
