// "This field is set, and we would ignore it": refusing requests by the name of the field. Pure functions.
#pragma once

#include <google/protobuf/message.h>

#include <initializer_list>
#include <string_view>

#include "base/result.h"

namespace bimodal::rpc {

struct UnsupportedField {
  std::string_view field;   // as the .proto spells it
  std::string_view option;  // as the user wrote it, e.g. "volumes="; empty when there is no such thing
};

// InvalidArgument that names the first of `fields` that is set in `message`. `object` is what the user knows it by:
// "function 'hello'". A field that the message's type doesn't have ends the process.
Result<void> refuse_fields(
    std::string_view object, const google::protobuf::Message& message, std::initializer_list<UnsupportedField> fields);

// InvalidArgument that names the number of a field, at any depth, that our protocol subset doesn't know.
Result<void> refuse_unknown_fields(std::string_view object, const google::protobuf::Message& message);

}  // namespace bimodal::rpc
