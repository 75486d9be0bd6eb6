// What a client's image request asks for: its identity, what of it we can't do, and the files that it brings along.
// Pure functions, but for context_of(), which writes blobs and blocks.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "control/mount_layer.h"
#include "image/builder.h"
#include "store/blobs.h"

namespace bimodal::control {

// Same content, builder version and namespace: same id (protocol §6.1). Secrets don't count: they come and go with the
// app that brings them, and are no part of what is built. A build function counts by its source, what it refers to and
// its arguments, whatever its id.
std::string image_id_of(const api::ImageGetOrCreateRequest& request);

// Unimplemented that names the option whose effect the built image would lack.
Result<void> check_buildable(const api::ImageGetOrCreateRequest& request);

// The image that "base" in FROM stands for; "" when the recipe builds on none. InvalidArgument for any other tag.
Result<std::string> base_image_of(const api::Image& image);

// Everything that COPY can name: the files inside the request, stored as blobs, and those of its context mount.
// A file of the request wins.
Result<image::Context> context_of(
    store::Blobs& blobs, const api::Image& image, const std::vector<MountedFile>& context_mount);

}  // namespace bimodal::control
