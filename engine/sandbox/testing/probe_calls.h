// Attempts of a sandboxed program to cross a barrier: one system call each.
#pragma once

#include <string>

// Makes the call of that name, with arguments that would succeed for a privileged process on a bare host.
// Returns its result: >= 0, or -1 with errno set. std::exit(99) when the name is unknown.
long attempt(const std::string& call);
