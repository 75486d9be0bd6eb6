// The environment variables of a container (protocol §10.1), but for those that name its sockets and its task: they are
// the runtime's. Pure functions.
#pragma once

#include <map>
#include <string>

#include "image/builder.h"
#include "model/model.h"

namespace bimodal::control {

// `secrets` override the image's ENV; what the client relies on overrides both. Never log the result.
std::map<std::string, std::string> container_environment(
    const model::FunctionVersion& version, const image::Image& image,
    const std::map<std::string, std::string>& secrets);

// The same for a container that runs a command of a user's, which has no entrypoint of the client's.
std::map<std::string, std::string> sandbox_environment(
    const image::Image& image, const std::map<std::string, std::string>& secrets);

// Lets Python find user code and what stands in the runtime layer, before what the image itself names.
void set_python_path(std::map<std::string, std::string>& env);

// Whether a process that has started without these variables would have started otherwise with them.
bool secrets_decide_the_start(const std::map<std::string, std::string>& secrets);

}  // namespace bimodal::control
