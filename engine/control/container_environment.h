// The environment variables of a container (protocol §10.1). Pure functions.
#pragma once

#include <map>
#include <string>

#include "image/builder.h"
#include "model/model.h"

namespace bimodal::control {

// `secrets` override the image's ENV; what the client relies on overrides both. Never log the result.
std::map<std::string, std::string> container_environment(
    const model::FunctionVersion& version, const std::string& task_id, const image::Image& image,
    const std::map<std::string, std::string>& secrets);

}  // namespace bimodal::control
