// Physical lines of a Dockerfile -> logical lines: comments dropped, continuations joined, heredocs taken. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bimodal::image {

class RecipeLines {
 public:
  // Elements of `lines` may hold newlines of their own.
  explicit RecipeLines(const std::vector<std::string>& lines);

  struct Logical {
    int number = 0;  // of its first physical line, from 1
    std::string text;
  };
  // The next logical line; nothing at the end.
  std::optional<Logical> next();

  // The lines up to `delimiter`, each with its newline; leading tabs removed for `<<-`. Nothing when it never comes.
  std::optional<std::string> heredoc(std::string_view delimiter, bool strip_tabs);

 private:
  std::vector<std::string> lines_;
  std::size_t position_ = 0;
};

// Without the white space at both ends.
std::string_view trim(std::string_view text);

}  // namespace bimodal::image
