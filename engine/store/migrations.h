// The schema, as the steps that lead to it. Step n brings a database from version n to n+1; a released step is never
// edited.
#pragma once

#include <span>
#include <string_view>

namespace bimodal::store {

std::span<const std::string_view> all_migrations();

}  // namespace bimodal::store
