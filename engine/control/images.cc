#include "control/images.h"

#include <algorithm>

#include "base/ids.h"
#include "base/log.h"
#include "control/clock.h"
#include "control/image_recipe.h"
#include "control/log_messages.h"
#include "control/mount_records.h"
#include "control/secret_variables.h"
#include "control/utf8.h"
#include "store/image_table.h"

namespace bimodal::control {
namespace {

using api::GenericResult;
using namespace std::chrono_literals;

constexpr std::size_t kFinishedBuilds = 64;
constexpr auto kMaxJoin = 60s;
constexpr std::string_view kDefaultBuilderVersion = "2025.06";

api::ImageMetadata metadata_of(const ImageRecord& record) {
  api::ImageMetadata out;
  out.set_image_builder_version(record.builder_version);
  if (!record.image->python.empty()) out.set_python_version_info(record.image->python);
  if (!record.image->config.workdir.empty()) out.set_workdir(record.image->config.workdir);
  return out;
}

template <typename Response>
void put_success(Response& response, const ImageRecord& record) {
  response.mutable_result()->set_status(GenericResult::GENERIC_STATUS_SUCCESS);
  *response.mutable_metadata() = metadata_of(record);
}

api::ImageJoinStreamingResponse last_message(const Result<ImageRecord>& outcome) {
  api::ImageJoinStreamingResponse response;
  response.set_eof(true);
  if (outcome) {
    put_success(response, *outcome);
  } else {
    response.mutable_result()->set_status(GenericResult::GENERIC_STATUS_FAILURE);
    response.mutable_result()->set_exception(valid_utf8(outcome.error().message));
  }
  return response;
}

api::ImageJoinStreamingResponse output_message(std::string text, std::uint64_t cursor) {
  api::ImageJoinStreamingResponse response;
  auto& item = *response.add_task_logs();
  item.set_data(std::move(text));
  item.set_file_descriptor(api::FILE_DESCRIPTOR_STDOUT);
  item.set_timestamp(unix_now());
  response.set_entry_id(std::to_string(cursor));
  return response;
}

Deadline join_deadline(float timeout_seconds) {
  auto wanted = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<float>(std::clamp(timeout_seconds, 0.0f, 1e6f)));
  return Deadline::after(std::min<std::chrono::milliseconds>(wanted, kMaxJoin));
}

constexpr int kPythonClient = 1;  // x-modal-client-type

// What a recipe refers to by id.
struct Ingredients {
  image::Context context;
  store::Variables secrets;
};

// Tells those who wait even when the build's coroutine is cancelled or throws.
struct FinishOnExit {
  std::shared_ptr<ImageBuild> build;
  ~FinishOnExit() { build->finish(error(Code::Unavailable, "the build was interrupted: run the command again")); }
};

}  // namespace

Images::Images(Context& context, BuildFunctions& build_functions, rpc::Service& service)
    : context_(context), build_functions_(build_functions), scope_(context.executor, "images") {
  service.mutation("ImageGetOrCreate", this, &Images::get_or_create);
  service.stream("ImageJoinStreaming", this, &Images::join);
  service.query("ImageFromId", this, &Images::from_id);
  service.mutation("ImageDelete", this, &Images::remove);
}

Images::~Images() = default;

Task<void> Images::close() {
  co_await scope_.close();
}

Task<Result<std::optional<ImageRecord>>> Images::find(std::string image_id) {
  auto load = [layers = context_.builder->layers_dir(), image_id = std::move(image_id)](
                  store::Transaction& transaction) { return load_image(transaction, layers, image_id); };
  co_return co_await context_.transact(std::move(load));
}

Task<Result<Images::CreateResponse>> Images::get_or_create(rpc::Call call, CreateRequest request) {
  if (request.builder_version().empty()) request.set_builder_version(std::string(kDefaultBuilderVersion));
  // A forced build is an image of its own, so that what builds on it is built anew as well.
  bool forced = request.force_build() || request.ignore_cache();
  std::string image_id = forced ? new_id("im") : image_id_of(request);
  CreateResponse response;
  response.set_image_id(image_id);
  if (!forced) {
    CO_TRY(auto known, co_await find(image_id));
    if (known) {
      put_success(response, *known);
      co_return response;
    }
  }
  auto build = builds_.find(image_id);
  if (build == builds_.end() || build->second->outcome()) start(image_id, std::move(request), call.caller);
  co_return response;
}

void Images::start(const std::string& image_id, CreateRequest request, rpc::Caller caller) {
  auto build = std::make_shared<ImageBuild>(context_.executor, image_id);
  std::erase(finished_, image_id);
  builds_[image_id] = build;
  scope_.spawn(run(build, std::move(request), std::move(caller)));
}

Task<void> Images::run(BuildPtr build, CreateRequest request, rpc::Caller caller) {
  FinishOnExit finish{build};
  auto outcome = co_await make(build, std::move(request));
  if (outcome && caller.client_type == kPythonClient) {
    co_await make_runtime(build, outcome->image->python, std::move(caller.client_version));
  }
  if (!outcome) log::info("image {}: {}", build->image_id(), outcome.error().message);
  build->finish(std::move(outcome));
  keep_finished(build->image_id());
}

// Makes what the image's containers will need beside it, so that the first request doesn't wait for that. A failure is
// the start's to report.
Task<void> Images::make_runtime(BuildPtr build, std::string python, std::string client_version) {
  if (python.empty()) co_return;
  auto runtime = co_await context_.builder->runtime_layer(std::move(python), std::move(client_version));
  if (!runtime) build->say(fmt::format("warning: {}\n", runtime.error().message));
}

void Images::keep_finished(const std::string& image_id) {
  finished_.push_back(image_id);
  while (finished_.size() > kFinishedBuilds) {
    builds_.erase(finished_.front());
    finished_.pop_front();
  }
}

Task<Result<ImageRecord>> Images::make(BuildPtr build, CreateRequest request) {
  CO_TRY_VOID(check_buildable(request));
  CO_TRY(image::BuildRequest recipe, co_await prepare(build->image_id(), request));
  image::BuildLog say = [build](std::string_view text) { build->say(text); };
  CO_TRY(image::Image built, co_await context_.builder->build(std::move(recipe), std::move(say)));
  ImageRecord record{std::make_shared<const image::Image>(std::move(built)), request.builder_version()};
  std::vector<std::string> ids = {build->image_id()};
  if (request.force_build()) ids.push_back(image_id_of(request));  // what was built before is replaced
  auto save = [ids, bytes = request.SerializeAsString(), record](store::Transaction& transaction) -> Result<void> {
    for (const std::string& id : ids) TRY_VOID(save_image(transaction, id, bytes, record));
    return {};
  };
  CO_TRY_VOID(co_await context_.transact(std::move(save)));
  co_return record;
}

// Looks up what the recipe refers to: its base, its files, its secrets.
Task<Result<image::BuildRequest>> Images::prepare(const std::string& image_id, const CreateRequest& request) {
  image::BuildRequest recipe;
  recipe.image_id = image_id;
  recipe.commands.assign(request.image().dockerfile_commands().begin(), request.image().dockerfile_commands().end());
  recipe.build_args.insert(request.image().build_args().begin(), request.image().build_args().end());
  recipe.ignore_cache = request.force_build() || request.ignore_cache();

  CO_TRY(std::string base_id, base_image_of(request.image()));
  if (!base_id.empty()) {
    CO_TRY(auto base, co_await find(base_id));
    if (!base) co_return error(Code::NotFound, "the base image {} isn't built: run the command again", base_id);
    recipe.base = base->image;
  }
  auto gather = [this, image = request.image()](store::Transaction& transaction) -> Result<Ingredients> {
    Ingredients out;
    MountRecord mount;
    if (!image.context_mount_id().empty()) {
      TRY(mount, load_mount(transaction, image.context_mount_id()));
    }
    TRY(out.context, context_of(context_.blobs, image, mount.files));
    TRY(out.secrets, secret_variables(transaction, context_.secret_box, image.secret_ids()));
    return out;
  };
  CO_TRY(Ingredients ingredients, co_await context_.transact(std::move(gather)));
  recipe.context = std::move(ingredients.context);
  recipe.secrets = std::move(ingredients.secrets);
  if (!request.build_function_id().empty()) {
    CO_TRY(recipe.step, co_await build_functions_.step_of(request));
  }
  co_return recipe;
}

Task<Result<void>> Images::join(rpc::Call call, JoinRequest request, rpc::Writer<JoinResponse> writer) {
  auto build = builds_.find(request.image_id());
  if (build != builds_.end()) {
    BuildPtr kept = build->second;
    co_return co_await follow(std::move(kept), std::move(call), std::move(request), std::move(writer));
  }
  CO_TRY(auto known, co_await find(request.image_id()));
  if (!known) {
    co_return error(Code::NotFound, "image {} isn't being built: run the command again", request.image_id());
  }
  Result<ImageRecord> outcome = *known;
  co_await writer.write(last_message(outcome));
  co_return Result<void>();
}

Task<Result<void>> Images::follow(
    BuildPtr build, rpc::Call call, JoinRequest request, rpc::Writer<JoinResponse> writer) {
  Deadline deadline = join_deadline(request.timeout()).or_earlier(call.deadline);
  std::uint64_t cursor = cursor_of(request.last_entry_id());
  while (true) {
    bool over = build->outcome().has_value();
    for (std::string text = build->output().next(cursor); !text.empty(); text = build->output().next(cursor)) {
      if (!co_await writer.write(output_message(std::move(text), cursor))) co_return Result<void>();
    }
    if (over) {
      co_await writer.write(last_message(*build->outcome()));
      co_return Result<void>();
    }
    if (build->outcome()) continue;
    if (!co_await build->changed().wait(deadline)) co_return Result<void>();
  }
}

Task<Result<Images::FromIdResponse>> Images::from_id(rpc::Call, FromIdRequest request) {
  CO_TRY(auto known, co_await find(request.image_id()));
  if (!known) co_return error(Code::NotFound, "no image {}", request.image_id());
  FromIdResponse response;
  response.set_image_id(request.image_id());
  *response.mutable_metadata() = metadata_of(*known);
  co_return response;
}

// Its layers stay: other images stand on them, and what is built from the same recipe finds them again.
Task<Result<rpc::Empty>> Images::remove(rpc::Call, api::ImageDeleteRequest request) {
  auto work = [id = request.image_id()](store::Transaction& transaction) -> Result<void> {
    TRY(const bool was_there, store::ImageTable(transaction).remove(id));
    if (!was_there) return error(Code::NotFound, "no image {}", id);
    return {};
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  const bool is_running = builds_.contains(request.image_id()) && !builds_.at(request.image_id())->outcome();
  if (!is_running && std::erase(finished_, request.image_id()) > 0) builds_.erase(request.image_id());
  co_return rpc::Empty();
}

}  // namespace bimodal::control
