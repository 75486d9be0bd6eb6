// The INI dialect of pip's configuration files. Pure; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace bimodal::image {

// Section -> key -> value. Keys in lower case with dashes; lines of a longer value are joined by newlines.
using IniFile = std::map<std::string, std::map<std::string, std::string>>;

// Adds what `text` sets; a later value replaces an earlier one. Lines that are no INI are skipped, as pip would refuse
// the whole file and the host's pip would be out of order.
void merge_ini(IniFile& into, std::string_view text);

std::string print_ini(const IniFile& file);

}  // namespace bimodal::image
