#include "image/dockerfile.h"

#include <gtest/gtest.h>

namespace bimodal::image {
namespace {

using Lines = std::vector<std::string>;

std::vector<Instruction> parse(const Lines& lines) {
  auto parsed = parse_dockerfile(lines);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? *parsed : std::vector<Instruction>();
}

std::string refusal(const Lines& lines) {
  auto parsed = parse_dockerfile(lines);
  EXPECT_FALSE(parsed);
  return parsed ? "" : parsed.error().message;
}

template <typename T>
T only(const Lines& lines) {
  auto parsed = parse(lines);
  EXPECT_EQ(parsed.size(), 1u);
  return std::get<T>(parsed.at(0).action);
}

TEST(Dockerfile, ReadsThePreambleOfDebianSlim) {
  auto parsed = parse(
      {"FROM python:3.11.12-slim-bookworm", "RUN apt-get update", "RUN apt-get install -y gcc gfortran build-essential",
       "RUN pip install --upgrade pip wheel uv",
       "RUN echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections",
       "CMD [\"sleep\", \"172800\"]"});
  ASSERT_EQ(parsed.size(), 6u);
  EXPECT_EQ(std::get<From>(parsed[0].action).image, "python:3.11.12-slim-bookworm");
  EXPECT_EQ(
      std::get<image::Run>(parsed[4].action).command.shell,
      "echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections");
  EXPECT_EQ(std::get<Cmd>(parsed[5].action).command.argv, (Lines{"sleep", "172800"}));
}

TEST(Dockerfile, JoinsContinuedLinesThatAreElementsOfTheirOwn) {
  auto run = only<image::Run>(
      {"RUN cd /tmp/poetry && \\ ", "  poetry config virtualenvs.create false && \\ ", "poetry install"});
  EXPECT_EQ(run.command.shell, "cd /tmp/poetry &&   poetry config virtualenvs.create false && poetry install");
}

TEST(Dockerfile, SkipsCommentsAndBlankLinesInsideAContinuation) {
  auto run = only<image::Run>({"RUN a && \\\n# why\n\n  b"});
  EXPECT_EQ(run.command.shell, "a &&   b");
}

TEST(Dockerfile, CountsLinesFromOneAcrossElements) {
  auto parsed = parse({"# a comment", "FROM base", "RUN one\nRUN two"});
  ASSERT_EQ(parsed.size(), 3u);
  EXPECT_EQ(parsed[0].line, 2);
  EXPECT_EQ(parsed[2].line, 4);
}

TEST(Dockerfile, TakesInstructionNamesInAnyCase) {
  EXPECT_EQ(only<Workdir>({"workdir /a"}).path, "/a");
}

TEST(Dockerfile, ReadsBothFormsOfRun) {
  EXPECT_EQ(only<image::Run>({"RUN [\"echo\", \"$HOME\"]"}).command.argv, (Lines{"echo", "$HOME"}));
  EXPECT_EQ(only<image::Run>({"RUN [ -f /x ] && true"}).command.shell, "[ -f /x ] && true");
}

TEST(Dockerfile, ReadsBothFormsOfEnv) {
  EXPECT_EQ(
      only<Env>({"ENV A=1 B='two words' C=a\\ b"}).values,
      (RawPairs{{"A", "1"}, {"B", "'two words'"}, {"C", "a\\ b"}}));
  EXPECT_EQ(only<Env>({"ENV A some  text"}).values, (RawPairs{{"A", "some  text"}}));
}

TEST(Dockerfile, ReadsTheFlagsOfCopy) {
  auto copy = only<Copy>({"COPY --from=ghcr.io/astral-sh/uv:0.5.1 --chown=1:2 --chmod=755 --link /uv /.uv/uv"});
  EXPECT_EQ(copy.from, "ghcr.io/astral-sh/uv:0.5.1");
  EXPECT_EQ(copy.chown, "1:2");
  EXPECT_EQ(copy.chmod, "755");
  EXPECT_EQ(copy.sources, (Lines{"/uv"}));
  EXPECT_EQ(copy.destination, "/.uv/uv");
}

TEST(Dockerfile, ReadsCopyInJsonForm) {
  auto copy = only<Copy>({"COPY [\"a b\", \"/c d/\"]"});
  EXPECT_EQ(copy.sources, (Lines{"a b"}));
  EXPECT_EQ(copy.destination, "/c d/");
}

TEST(Dockerfile, ReadsArgWithAndWithoutDefault) {
  EXPECT_EQ(only<Arg>({"ARG A"}).fallback, std::nullopt);
  EXPECT_EQ(only<Arg>({"ARG A=b"}).fallback, "b");
}

TEST(Dockerfile, AcceptsInstructionsWithoutEffectHere) {
  for (const char* line : {"EXPOSE 8000/tcp", "VOLUME /data", "STOPSIGNAL SIGTERM", "MAINTAINER someone"}) {
    EXPECT_NO_FATAL_FAILURE(only<Ignored>({line}));
  }
}

TEST(Dockerfile, TakesAHeredocAsTheCommand) {
  EXPECT_EQ(only<image::Run>({"RUN <<EOF", "set -e", "echo a", "EOF"}).command.shell, "set -e\necho a\n");
}

TEST(Dockerfile, LeavesAHeredocOfAProgramToTheShell) {
  EXPECT_EQ(only<image::Run>({"RUN cat <<'EOF' > /x", "$a", "EOF"}).command.shell, "cat <<'EOF' > /x\n$a\nEOF\n");
}

TEST(Dockerfile, TakesHeredocsAsFilesOfCopy) {
  auto copy = only<Copy>({"COPY <<-a.txt <<\"b.txt\" /to/", "\tone $X", "\ta.txt", "two", "b.txt"});
  ASSERT_EQ(copy.inline_files.size(), 2u);
  EXPECT_EQ(copy.inline_files[0].content, "one $X\n");
  EXPECT_TRUE(copy.inline_files[0].expand);
  EXPECT_EQ(copy.inline_files[1].content, "two\n");
  EXPECT_FALSE(copy.inline_files[1].expand);
}

TEST(Dockerfile, DoesNotTakeShiftsAndHereStringsForHeredocs) {
  EXPECT_EQ(only<image::Run>({"RUN echo $((1<<3)) && cat <<< x"}).command.shell, "echo $((1<<3)) && cat <<< x");
}

TEST(Dockerfile, RefusesWhatItDoesNotKnowByNameAndLine) {
  EXPECT_EQ(
      refusal({"FROM base", "ONBUILD RUN x"}), "line 2: the instruction ONBUILD is not supported (in: ONBUILD RUN x)");
  EXPECT_NE(refusal({"HEALTHCHECK CMD x"}).find("HEALTHCHECK is not supported"), std::string::npos);
  EXPECT_NE(refusal({"RUN --mount=type=cache,target=/c pip"}).find("RUN --mount is not supported"), std::string::npos);
  EXPECT_NE(refusal({"COPY --parents a b"}).find("COPY --parents is not supported"), std::string::npos);
  EXPECT_NE(refusal({"FROM --platform=linux/s390x x"}).find("--platform"), std::string::npos);
  EXPECT_NE(refusal({"# escape=`", "FROM x"}).find("escape"), std::string::npos);
}

TEST(Dockerfile, RefusesIncompleteInstructions) {
  EXPECT_NE(refusal({"RUN"}).find("RUN needs an argument"), std::string::npos);
  EXPECT_NE(refusal({"COPY a"}).find("needs a source and a destination"), std::string::npos);
  EXPECT_NE(refusal({"ENV A"}).find("needs a value"), std::string::npos);
  EXPECT_NE(refusal({"SHELL /bin/bash"}).find("JSON list"), std::string::npos);
  EXPECT_NE(refusal({"RUN <<EOF", "a"}).find("EOF is not closed"), std::string::npos);
}

TEST(Dockerfile, RefusesARecipeBeyondItsLimits) {
  EXPECT_NE(refusal({std::string(kMaxRecipeBytes + 1, 'x')}).find("bytes"), std::string::npos);
  EXPECT_NE(refusal(Lines(kMaxInstructions + 1, "RUN x")).find("instructions"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::image
