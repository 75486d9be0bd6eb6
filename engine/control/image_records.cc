#include "control/image_records.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "control/clock.h"
#include "store/image_table.h"

namespace bimodal::control {
namespace {

using nlohmann::json;

bool all_exist(const std::filesystem::path& directory, const std::vector<std::string>& layers) {
  return std::ranges::all_of(layers, [&](const std::string& layer) {
    std::error_code ignored;
    return std::filesystem::exists(directory / layer, ignored);
  });
}

}  // namespace

std::string encode_layers(const image::Image& image) {
  return json(image.layers).dump();
}

std::string encode_config(const image::Image& image) {
  const image::ImageConfig& config = image.config;
  json out = {{"env", config.env},       {"workdir", config.workdir}, {"user", config.user},
              {"cmd", config.cmd},       {"shell", config.shell},     {"entrypoint", config.entrypoint},
              {"labels", config.labels}, {"python", image.python}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<image::Image> decode_image(const std::string& layers, const std::string& config) {
  json layer_list = json::parse(layers, nullptr, false);
  json fields = json::parse(config, nullptr, false);
  image::Image out;
  try {
    layer_list.get_to(out.layers);
    fields.at("env").get_to(out.config.env);
    fields.at("workdir").get_to(out.config.workdir);
    fields.at("user").get_to(out.config.user);
    fields.at("entrypoint").get_to(out.config.entrypoint);
    fields.at("cmd").get_to(out.config.cmd);
    fields.at("shell").get_to(out.config.shell);
    fields.at("labels").get_to(out.config.labels);
    fields.at("python").get_to(out.python);
  } catch (const json::exception& failure) {
    return error(Code::DataLoss, "a stored image is damaged in the database: {}", failure.what());
  }
  return out;
}

Result<std::optional<ImageRecord>> load_image(
    store::Transaction& transaction, const std::filesystem::path& layers, const std::string& image_id) {
  TRY(auto row, store::ImageTable(transaction).find(image_id));
  if (!row) return std::nullopt;
  TRY(image::Image decoded, decode_image(row->layers, row->config));
  if (!all_exist(layers, decoded.layers)) return std::nullopt;
  return ImageRecord{std::make_shared<const image::Image>(std::move(decoded)), row->builder_version};
}

Result<void> save_image(
    store::Transaction& transaction, const std::string& image_id, const std::string& request,
    const ImageRecord& record) {
  store::BuiltImage row{
      image_id,  request, record.builder_version, encode_layers(*record.image), encode_config(*record.image),
      unix_now()};
  return store::ImageTable(transaction).put(row);
}

}  // namespace bimodal::control
