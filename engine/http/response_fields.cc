#include "http/response_fields.h"

#include <charconv>
#include <string>
#include <string_view>

#include "http/chars.h"

namespace bimodal::http {
namespace {

bool parse_length(std::string_view text, std::uint64_t& length) {
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), length);
  return failure == std::errc() && end == text.data() + text.size();
}

// Cheap first look, so that most fields cost one comparison: every name that matters begins with one of these.
bool may_matter(char c) {
  c = lower(c);
  return c == 'c' || c == 'd' || c == 'k' || c == 'p' || c == 't' || c == 'u';
}

FieldUse note_length(std::string_view value, SaidFields& said) {
  std::uint64_t length = 0;
  if (said.length || !parse_length(value, length)) return FieldUse::Refuse;
  said.length = length;
  return FieldUse::Drop;
}

}  // namespace

FieldUse examine_field(const Field& field, SaidFields& said) {
  if (!is_token(field.name) || !is_field_value(field.value)) return FieldUse::Refuse;
  if (!may_matter(field.name[0])) return FieldUse::Write;
  constexpr std::size_t kLongest = 19;  // "proxy-authorization"
  if (field.name.size() > kLongest) return FieldUse::Write;
  char lowered[kLongest];
  for (std::size_t i = 0; i < field.name.size(); ++i) lowered[i] = lower(field.name[i]);
  std::string_view name(lowered, field.name.size());
  if (name == "content-length") return note_length(field.value, said);
  if (name == "date") said.date = true;
  if (name == "connection") {
    for_each_element(
        field.value, [&said](std::string_view option) { said.close |= equals_ignoring_case(option, "close"); });
  }
  return is_hop_by_hop(name) ? FieldUse::Drop : FieldUse::Write;
}

Framing choose_framing(const ResponseHead& head, const ResponseContext& context, const SaidFields& said) {
  Framing framing{.keep_alive = context.keep_alive && !said.close};
  if (context.is_head || head.status == 204 || head.status == 304) return framing;
  if (said.length || head.body_size) {
    framing.kind = Framing::Kind::Length;
    framing.length = said.length ? *said.length : *head.body_size;
  } else if (context.minor_version >= 1) {
    framing.kind = Framing::Kind::Chunked;
  } else {
    framing.kind = Framing::Kind::UntilClose;
    framing.keep_alive = false;
  }
  return framing;
}

std::optional<std::uint64_t> length_to_write(const Framing& framing, const ResponseHead& head, const SaidFields& said) {
  if (framing.kind == Framing::Kind::Length) return framing.length;
  if (framing.kind == Framing::Kind::None && head.status != 204) return said.length;
  return std::nullopt;
}

bool is_trailer(const Field& field) {
  std::string name(field.name);
  for (char& c : name) c = lower(c);
  return is_token(name) && is_field_value(field.value) && !is_hop_by_hop(name) && name != "content-length" &&
         name != "host";
}

}  // namespace bimodal::http
