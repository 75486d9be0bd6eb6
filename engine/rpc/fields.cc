#include "rpc/fields.h"

#include <google/protobuf/unknown_field_set.h>

#include <vector>

#include "base/check.h"

namespace bimodal::rpc {

namespace pb = google::protobuf;

namespace {

bool is_set(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(message, &field) > 0 : reflection.HasField(message, &field);
}

}  // namespace

Result<void> refuse_fields(
    std::string_view object, const pb::Message& message, std::initializer_list<UnsupportedField> fields) {
  for (const UnsupportedField& refused : fields) {
    const auto* field = message.GetDescriptor()->FindFieldByName(std::string(refused.field));
    CHECK(field != nullptr);
    if (!is_set(message, *field)) continue;
    if (refused.option.empty()) {
      return error(Code::InvalidArgument, "{}: '{}' is not supported by this server", object, refused.field);
    }
    return error(
        Code::InvalidArgument, "{}: {} ('{}') is not supported by this server; remove it from the script", object,
        refused.option, refused.field);
  }
  return {};
}

Result<void> refuse_unknown_fields(std::string_view object, const pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  const pb::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) {
    return error(
        Code::InvalidArgument,
        "{}: the client sent field {} of {}, which this server doesn't know; use a client release that it supports",
        object, unknown.field(0).number(), message.GetTypeName());
  }
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      TRY_VOID(refuse_unknown_fields(object, reflection.GetMessage(message, field)));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      TRY_VOID(refuse_unknown_fields(object, reflection.GetRepeatedMessage(message, field, i)));
    }
  }
  return {};
}

}  // namespace bimodal::rpc
