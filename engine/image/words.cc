#include "image/words.h"

#include <cctype>

namespace bimodal::image {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool starts_name(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

constexpr int kMaxNesting = 16;  // of ${a:-${b:-…}}

// One pass over a word. Quotes are removed or kept, depending on what is being expanded.
class Expansion {
 public:
  enum class Quotes { Remove, Keep };

  Expansion(std::string_view text, const Variables& variables, Quotes quotes, int depth)
      : text_(text), variables_(variables), quotes_(quotes), depth_(depth) {}

  Result<std::string> run() {
    while (position_ < text_.size()) {
      char c = text_[position_];
      if (c == '$') {
        TRY_VOID(variable());
      } else if (c == '\\') {
        escape();
      } else if (quotes_ == Quotes::Remove && c == '\'' && !in_double_) {
        TRY_VOID(single_quoted());
      } else if (quotes_ == Quotes::Remove && c == '"') {
        in_double_ = !in_double_;
        ++position_;
      } else {
        out_ += c;
        ++position_;
      }
    }
    if (in_double_) return error(Code::InvalidArgument, "a double quote is not closed in {}", text_);
    return std::move(out_);
  }

 private:
  void escape() {
    ++position_;
    if (position_ >= text_.size()) {
      out_ += '\\';
      return;
    }
    char next = text_[position_++];
    bool special = quotes_ == Quotes::Keep ? next == '$' : (!in_double_ || next == '"' || next == '$' || next == '\\');
    if (!special) out_ += '\\';
    out_ += next;
  }

  Result<void> single_quoted() {
    auto end = text_.find('\'', position_ + 1);
    if (end == std::string_view::npos) return error(Code::InvalidArgument, "a single quote is not closed in {}", text_);
    out_ += text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return {};
  }

  Result<void> variable() {
    ++position_;
    if (position_ < text_.size() && text_[position_] == '{') return braced();
    auto name = take_name();
    out_ += name.empty() ? "$" : variables_(name).value_or("");
    return {};
  }

  Result<void> braced() {
    auto end = closing_brace();
    if (end == std::string_view::npos) return error(Code::InvalidArgument, "${{ is not closed in {}", text_);
    std::string_view whole = text_.substr(position_ - 1, end - position_ + 2);
    ++position_;
    auto name = take_name();
    std::string_view rest = text_.substr(position_, end - position_);
    position_ = end + 1;
    auto value = variables_(name);
    bool empty_counts = rest.starts_with(':');
    if (empty_counts) rest.remove_prefix(1);
    bool present = value && !(empty_counts && value->empty());
    if (rest.empty() && !empty_counts && !name.empty()) {
      out_ += value.value_or("");
      return {};
    }
    if (name.empty() || rest.empty() || (rest[0] != '-' && rest[0] != '+') || depth_ >= kMaxNesting) {
      return error(Code::InvalidArgument, "the substitution {} is not supported", whole);
    }
    if ((rest[0] == '-') == present) {
      out_ += rest[0] == '-' ? *value : "";
      return {};
    }
    TRY(auto word, Expansion(rest.substr(1), variables_, quotes_, depth_ + 1).run());
    out_ += word;
    return {};
  }

  std::size_t closing_brace() const {
    int open = 0;
    for (auto i = position_; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '{') {
        ++open;
      } else if (text_[i] == '}' && --open == 0) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  std::string take_name() {
    auto start = position_;
    if (position_ < text_.size() && starts_name(text_[position_])) {
      while (position_ < text_.size() && in_name(text_[position_])) ++position_;
    }
    return std::string(text_.substr(start, position_ - start));
  }

  std::string_view text_;
  const Variables& variables_;
  Quotes quotes_;
  int depth_;
  std::size_t position_ = 0;
  bool in_double_ = false;
  std::string out_;
};

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool open = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (!quote && is_space(c)) {
      if (open) words.push_back(std::move(word));
      word.clear();
      open = false;
      continue;
    }
    open = true;
    word += c;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    }
  }
  if (open) words.push_back(std::move(word));
  return words;
}

Result<std::string> expand_word(std::string_view raw, const Variables& variables) {
  return Expansion(raw, variables, Expansion::Quotes::Remove, 0).run();
}

Result<std::string> expand_text(std::string_view raw, const Variables& variables) {
  return Expansion(raw, variables, Expansion::Quotes::Keep, 0).run();
}

}  // namespace bimodal::image
