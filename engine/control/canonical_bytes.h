// A message in bytes that are the same for the same message: maps in the order of their keys. Pure.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace bimodal::control {

std::string canonical_bytes(const google::protobuf::Message& message);

}  // namespace bimodal::control
