// What of an application's response fields goes out, and what those say that don't. Pure; for every version of HTTP.
#pragma once

#include <cstdint>
#include <optional>

#include "http/field.h"
#include "http/response_head.h"

namespace bimodal::http {

// What the fields that were examined so far say.
struct SaidFields {
  std::optional<std::uint64_t> length;
  bool close = false;
  bool date = false;
};

enum class FieldUse { Write, Drop, Refuse };

// Refused is what no message can carry: a malformed name or value, Content-Length that is no number or given twice.
// Dropped is what concerns one connection only, and Content-Length, which goes out with the framing.
FieldUse examine_field(const Field& field, SaidFields& said);

// How the body is delimited. What HTTP/1 sends in chunks or up to the end of the connection, HTTP/2 just ends.
Framing choose_framing(const ResponseHead& head, const ResponseContext& context, const SaidFields& said);

// The Content-Length to write: a body's, or what HEAD and 304 repeat of the application's statement (RFC 9110 §8.6).
std::optional<std::uint64_t> length_to_write(const Framing& framing, const ResponseHead& head, const SaidFields& said);

// Fields of framing and routing must not come behind a body, where some recipients would heed them: RFC 9110 §6.5.1.
bool is_trailer(const Field& field);

}  // namespace bimodal::http
