// ImageGetOrCreate, ImageJoinStreaming, ImageFromId, ImageDelete (protocol §6): recipes become images, built in the
// background by image::Builder. Loop-bound.
//
// One build runs per image id, however many clients wait for it. Built images are in the database; how a build failed
// is kept for the clients that join late, and the next request for the image builds it anew.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "async/scope.h"
#include "control/api.h"
#include "control/build_functions.h"
#include "control/context.h"
#include "control/image_build.h"
#include "rpc/service.h"

namespace bimodal::control {

class Images {
 public:
  Images(Context& context, BuildFunctions& build_functions, rpc::Service& service);
  ~Images();

  // Ends running builds; whoever waits for one is told. Must finish before destruction.
  Task<void> close();

 private:
  using CreateRequest = api::ImageGetOrCreateRequest;
  using CreateResponse = api::ImageGetOrCreateResponse;
  using JoinRequest = api::ImageJoinStreamingRequest;
  using JoinResponse = api::ImageJoinStreamingResponse;
  using FromIdRequest = api::ImageFromIdRequest;
  using FromIdResponse = api::ImageFromIdResponse;
  using BuildPtr = std::shared_ptr<ImageBuild>;

  Task<Result<CreateResponse>> get_or_create(rpc::Call call, CreateRequest request);
  Task<Result<void>> join(rpc::Call call, JoinRequest request, rpc::Writer<JoinResponse> writer);
  Task<Result<void>> follow(BuildPtr build, rpc::Call call, JoinRequest request, rpc::Writer<JoinResponse> writer);
  Task<Result<FromIdResponse>> from_id(rpc::Call call, FromIdRequest request);
  Task<Result<rpc::Empty>> remove(rpc::Call call, api::ImageDeleteRequest request);

  Task<Result<std::optional<ImageRecord>>> find(std::string image_id);
  void start(const std::string& image_id, CreateRequest request, rpc::Caller caller);
  Task<void> run(BuildPtr build, CreateRequest request, rpc::Caller caller);
  Task<void> make_runtime(BuildPtr build, std::string python, std::string client_version);
  Task<Result<ImageRecord>> make(BuildPtr build, CreateRequest request);
  Task<Result<image::BuildRequest>> prepare(const std::string& image_id, const CreateRequest& request);
  void keep_finished(const std::string& image_id);

  Context& context_;
  BuildFunctions& build_functions_;
  std::map<std::string, BuildPtr> builds_;  // running ones and the newest finished ones, by image id
  std::deque<std::string> finished_;        // oldest first
  Scope scope_;
};

}  // namespace bimodal::control
