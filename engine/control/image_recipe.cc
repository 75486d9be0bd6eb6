#include "control/image_recipe.h"

#include "base/ids.h"
#include "control/canonical_bytes.h"

namespace bimodal::control {
namespace {

tl::unexpected<Error> cannot(std::string_view option) {
  return error(
      Code::Unimplemented, "{} is not available on this server: remove it from the image's definition", option);
}

}  // namespace

std::string image_id_of(const api::ImageGetOrCreateRequest& request) {
  api::ImageGetOrCreateRequest identity;
  *identity.mutable_image() = request.image();
  identity.mutable_image()->clear_secret_ids();
  identity.set_builder_version(request.builder_version());
  identity.set_namespace_(request.namespace_());
  return content_id("im", canonical_bytes(identity));
}

Result<void> check_buildable(const api::ImageGetOrCreateRequest& request) {
  const api::Image& image = request.image();
  if (image.has_build_function() == request.build_function_id().empty()) {
    return error(Code::InvalidArgument, "an image's build function comes with its definition and its id");
  }
  if (image.volume_mounts_size() > 0) return cannot("volumes= in an image build step");
  if (image.has_gpu_config() && !image.gpu_config().gpu_type().empty()) return cannot("gpu= in an image build step");
  if (!image.image_registry_config().secret_id().empty()) return cannot("a registry secret of a base image");
#ifdef __x86_64__
  if (image.arch() == api::ARCH_AARCH64) return cannot("architecture aarch64");
#else
  if (image.arch() == api::ARCH_X86_64) return cannot("architecture x86_64");
#endif
  return {};
}

Result<std::string> base_image_of(const api::Image& image) {
  std::string base;
  for (const auto& entry : image.base_images()) {
    if (entry.docker_tag() != "base" || !base.empty()) {
      return error(
          Code::InvalidArgument, "the image refers to \"{}\" as a base: only one, called \"base\", is possible",
          entry.docker_tag());
    }
    base = entry.image_id();
  }
  return base;
}

Result<image::Context> context_of(
    store::Blobs& blobs, const api::Image& image, const std::vector<MountedFile>& context_mount) {
  image::Context context;
  for (const MountedFile& file : context_mount) {
    if (!blobs.contains(file.sha256)) {
      return error(Code::FailedPrecondition, "the content of {} is gone: run the command again", file.path);
    }
    context[file.path] = image::ContextEntry{blobs.path_of(file.sha256), file.mode, file.sha256};
  }
  std::vector<MountedFile> inlined;
  for (const auto& file : image.context_files()) {
    TRY(std::string digest, blobs.put(file.data()));
    inlined.push_back(MountedFile{file.filename(), digest, 0644});
  }
  TRY(inlined, canonical(std::move(inlined)));
  for (const MountedFile& file : inlined) {
    context[file.path] = image::ContextEntry{blobs.path_of(file.sha256), file.mode, file.sha256};
  }
  return context;
}

}  // namespace bimodal::control
