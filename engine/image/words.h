// Splitting and expanding the words of a Dockerfile instruction. Pure; thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bimodal::image {

// Splits at white space outside quotes. Quotes and backslashes stay in the words.
std::vector<std::string> split_words(std::string_view text);

using Variables = std::function<std::optional<std::string>(const std::string& name)>;

// Removes quotes and backslashes and replaces $NAME, ${NAME}, ${NAME:-word}, ${NAME-word}, ${NAME:+word} and
// ${NAME+word}. Unknown variables are empty. InvalidArgument for an open quote or brace and for other ${…} forms.
Result<std::string> expand_word(std::string_view raw, const Variables& variables);

// Replaces variables alone, keeping quotes and other text: for the bodies of heredocs.
Result<std::string> expand_text(std::string_view raw, const Variables& variables);

}  // namespace bimodal::image
