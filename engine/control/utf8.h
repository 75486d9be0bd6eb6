// Text of programs on its way into protobuf strings, which must be UTF-8: clients refuse a message that isn't.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bimodal::control {

// `text` with U+FFFD in place of each byte that belongs to no valid sequence.
std::string valid_utf8(std::string text);

// The size of `text` without a sequence at its end that only more bytes would complete.
std::size_t whole_characters(std::string_view text);

}  // namespace bimodal::control
