#include "image/plan.h"

#include <gtest/gtest.h>

namespace bimodal::image {
namespace {

using Lines = std::vector<std::string>;
using Values = std::map<std::string, std::string>;

Result<Plan> plan_of(const Lines& lines, Values build_args = {}, const Context& context = {}, ImageConfig base = {}) {
  TRY(auto instructions, parse_dockerfile(lines));
  return make_plan(instructions, base, build_args, context, {});
}

Plan plan(const Lines& lines, Values build_args = {}, const Context& context = {}, ImageConfig base = {}) {
  auto made = plan_of(lines, std::move(build_args), context, std::move(base));
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : Plan();
}

std::string refusal(const Lines& lines, const Context& context = {}) {
  auto made = plan_of(lines, {}, context);
  EXPECT_FALSE(made);
  return made ? "" : made.error().message;
}

Result<std::string> base(const Lines& lines, Values build_args = {}) {
  TRY(auto instructions, parse_dockerfile(lines));
  return base_of(instructions, build_args);
}

std::string fingerprint(const Lines& lines, const Context& context = {}) {
  auto made = plan(lines, {}, context);
  return made.steps.empty() ? "" : made.steps.back().fingerprint;
}

const Context kContext = {
    {"/a.txt", {"/blobs/1", 0644, "1"}},
    {"/b.txt", {"/blobs/2", 0755, "2"}},
    {"/src/m.py", {"/blobs/3", 0644, "3"}},
    {"/src/sub/n.py", {"/blobs/4", 0644, "4"}},
    {"/.requirements.txt", {"/blobs/5", 0644, "5"}},
};

const CopyStep& copy_of(const Plan& plan) {
  return std::get<CopyStep>(plan.steps.back().work);
}

TEST(BaseOf, AppliesTheArgumentsAboveFrom) {
  EXPECT_EQ(*base({"ARG V=3.11", "FROM python:${V}-slim"}), "python:3.11-slim");
  EXPECT_EQ(*base({"ARG V=3.11", "FROM python:${V}-slim"}, {{"V", "3.12"}}), "python:3.12-slim");
}

TEST(BaseOf, RefusesARecipeWithoutFromOrWithSomethingBeforeIt) {
  EXPECT_FALSE(base({"# nothing"}));
  EXPECT_FALSE(base({"RUN x", "FROM base"}));
}

TEST(Plan, RefusesSeveralStages) {
  EXPECT_NE(refusal({"FROM base AS one", "FROM base"}).find("line 2: a recipe with several FROM"), std::string::npos);
}

TEST(Plan, ExpandsVariablesWithWhatWasSetBefore) {
  auto made = plan({"FROM base", "ENV A=1", "ENV A=2 B=$A", "WORKDIR /w/$B"});
  EXPECT_EQ(made.config.env, (Values{{"A", "2"}, {"B", "1"}}));
  EXPECT_EQ(made.config.workdir, "/w/1");
}

TEST(Plan, ExtendsThePathOfTheBase) {
  ImageConfig base;
  base.env["PATH"] = "/bin";
  EXPECT_EQ(
      plan({"FROM base", "ENV PATH=/.uv/.venv/bin:$PATH"}, {}, {}, base).config.env.at("PATH"), "/.uv/.venv/bin:/bin");
}

TEST(Plan, PrefersTheCallersArgumentAndEnvOverArg) {
  auto made = plan({"FROM base", "ARG A=default", "ARG B=default", "ENV B=env", "RUN x"}, {{"A", "given"}});
  const auto& run = std::get<RunStep>(made.steps[0].work);
  EXPECT_EQ(run.env.at("A"), "given");
  EXPECT_EQ(run.env.at("B"), "env");
  EXPECT_FALSE(made.config.env.contains("A"));
}

TEST(Plan, KnowsArgumentsAboveFromOnlyWhereTheyAreDeclaredAgain) {
  auto made = plan({"ARG A=1", "FROM base", "ENV X=[$A]", "ARG A", "ENV Y=[$A]"});
  EXPECT_EQ(made.config.env.at("X"), "[]");
  EXPECT_EQ(made.config.env.at("Y"), "[1]");
}

TEST(Plan, ListsBuildArgumentsThatNothingDeclares) {
  EXPECT_EQ(plan({"FROM base", "ARG A"}, {{"A", "1"}, {"B", "2"}}).unused_args, (Lines{"B"}));
}

TEST(Plan, TakesRelativeDirectoriesFromTheOneBefore) {
  EXPECT_EQ(plan({"FROM base", "WORKDIR /a", "WORKDIR b/../c"}).config.workdir, "/a/c");
}

TEST(Plan, ForgetsTheCommandOfTheBaseWithANewEntrypoint) {
  ImageConfig base;
  base.cmd = {"python3"};
  EXPECT_TRUE(plan({"FROM base", "ENTRYPOINT [\"/x\"]"}, {}, {}, base).config.cmd.empty());
  EXPECT_EQ(
      plan({"FROM base", "CMD a", "ENTRYPOINT [\"/x\"]"}, {}, {}, base).config.cmd, (Lines{"/bin/sh", "-c", "a"}));
}

TEST(Plan, CopiesTheContentOfADirectory) {
  const auto step = copy_of(plan({"FROM base", "COPY src /app"}, {}, kContext));
  ASSERT_EQ(step.sources.size(), 1u);
  EXPECT_TRUE(step.sources[0].is_directory);
  ASSERT_EQ(step.sources[0].files.size(), 2u);
  EXPECT_EQ(step.sources[0].files[1].first, "sub/n.py");
  EXPECT_EQ(step.destination, "/app");
}

TEST(Plan, CopiesTheWholeContextWithADot) {
  EXPECT_EQ(copy_of(plan({"FROM base", "COPY . /"}, {}, kContext)).sources[0].files.size(), kContext.size());
}

TEST(Plan, TakesSourcesWithAndWithoutALeadingSlash) {
  EXPECT_EQ(
      copy_of(plan({"FROM base", "COPY /.requirements.txt /r"}, {}, kContext)).sources[0].files[0].second.sha256, "5");
  EXPECT_EQ(copy_of(plan({"FROM base", "COPY ./a.txt /r"}, {}, kContext)).sources[0].name, "a.txt");
  EXPECT_EQ(copy_of(plan({"FROM base", "COPY src/. /r"}, {}, kContext)).sources[0].files.size(), 2u);
}

TEST(Plan, MatchesPatternsWithinOneComponent) {
  EXPECT_EQ(copy_of(plan({"FROM base", "COPY *.txt /to/"}, {}, kContext)).sources.size(), 3u);
  EXPECT_EQ(copy_of(plan({"FROM base", "COPY s?c/*.py /to/"}, {}, kContext)).sources.size(), 1u);
  EXPECT_EQ(copy_of(plan({"FROM base", "COPY [ab].txt /to/"}, {}, kContext)).sources.size(), 2u);
  EXPECT_TRUE(copy_of(plan({"FROM base", "COPY *.txt /to"}, {}, kContext)).into_directory);
}

TEST(Plan, PutsRelativeDestinationsBelowTheWorkdir) {
  auto step = copy_of(plan({"FROM base", "WORKDIR /app", "COPY a.txt ./in/"}, {}, kContext));
  EXPECT_EQ(step.destination, "/app/in");
  EXPECT_TRUE(step.into_directory);
}

TEST(Plan, RefusesCopiesThatCannotBeHonoured) {
  EXPECT_NE(refusal({"FROM base", "COPY gone /x"}).find("line 2: gone matches no file"), std::string::npos);
  EXPECT_NE(refusal({"FROM base", "COPY a.txt b.txt /x"}, kContext).find("end with a slash"), std::string::npos);
  EXPECT_NE(refusal({"FROM base", "ADD https://x.example/a /x"}).find("fetch it with a RUN step"), std::string::npos);
  EXPECT_NE(refusal({"FROM base", "COPY --from=nginx /a /b"}).find("--from=nginx is not supported"), std::string::npos);
  EXPECT_NE(refusal({"FROM base", "COPY --from=ghcr.io/astral-sh/uv:alpine /uv /b"}).find("alpine"), std::string::npos);
  EXPECT_NE(refusal({"FROM base", "COPY --chmod=u+x a.txt /b"}, kContext).find("octal"), std::string::npos);
}

TEST(Plan, KnowsTheTwoProgramsOfUv) {
  auto step = copy_of(plan({"FROM base", "COPY --from=ghcr.io/astral-sh/uv:0.5.1 /uv /.uv/uv"}));
  EXPECT_EQ(step.uv_version, "0.5.1");
  EXPECT_EQ(step.sources[0].name, "uv");
  EXPECT_NE(
      refusal({"FROM base", "COPY --from=ghcr.io/astral-sh/uv:latest /bin /x"}).find("it has /uv and /uvx"),
      std::string::npos);
}

TEST(Plan, FingerprintsWhateverDecidesTheResult) {
  const Lines run = {"FROM base", "RUN x"};
  EXPECT_EQ(fingerprint(run), fingerprint({"FROM base", "# note", "RUN x"}));
  EXPECT_NE(fingerprint(run), fingerprint({"FROM base", "RUN [\"x\"]"}));
  EXPECT_NE(fingerprint(run), fingerprint({"FROM base", "ENV A=1", "RUN x"}));
  EXPECT_NE(fingerprint(run), fingerprint({"FROM base", "USER app", "RUN x"}));
  EXPECT_NE(fingerprint(run), fingerprint({"FROM base", "WORKDIR /a", "RUN x"}));
  EXPECT_NE(fingerprint(run), fingerprint({"FROM base", "SHELL [\"/bin/bash\", \"-c\"]", "RUN x"}));
  EXPECT_EQ(fingerprint(run), fingerprint({"FROM base", "LABEL a=b", "RUN x"}));
}

TEST(Plan, FingerprintsContentsModesAndNamesOfCopies) {
  const Lines copy = {"FROM base", "COPY a.txt /x"};
  auto changed = [](ContextEntry entry) { return Context{{"/a.txt", std::move(entry)}}; };
  auto original = fingerprint(copy, changed({"/blobs/1", 0644, "1"}));
  EXPECT_EQ(original, fingerprint(copy, changed({"/elsewhere", 0644, "1"})));
  EXPECT_NE(original, fingerprint(copy, changed({"/blobs/1", 0755, "1"})));
  EXPECT_NE(original, fingerprint(copy, changed({"/blobs/1", 0644, "2"})));
  EXPECT_NE(original, fingerprint({"FROM base", "COPY a.txt /y"}, changed({"/blobs/1", 0644, "1"})));
  EXPECT_NE(original, fingerprint({"FROM base", "COPY --chown=1 a.txt /x"}, changed({"/blobs/1", 0644, "1"})));
}

TEST(Plan, ReplacesVariablesInInlineFilesUnlessQuoted) {
  auto step = copy_of(plan({"FROM base", "ENV A=1", "COPY <<a <<'b' /to/", "$A", "a", "$A", "b"}));
  EXPECT_EQ(step.sources[0].content, "1\n");
  EXPECT_EQ(step.sources[1].content, "$A\n");
}

}  // namespace
}  // namespace bimodal::image
