#include "image/host_config_loader.h"

#include <chrono>

namespace bimodal::image {

namespace {

constexpr auto kAptConfigLimit = std::chrono::seconds(10);

}  // namespace

HostConfigLoader::HostConfigLoader(
    std::map<std::string, std::string> environment, HostCommands& commands, BlockingPool& pool)
    : environment_(std::move(environment)), commands_(commands), pool_(pool) {}

// Steps that start together may read it twice, with the same result.
Task<std::shared_ptr<const HostConfig>> HostConfigLoader::get() {
  if (loaded_) co_return loaded_;
  auto dump = std::make_shared<std::string>();
  BuildLog collect = [dump](std::string_view text) { *dump += text; };
  HostCommand command{.argv = {"apt-config", "dump", "Acquire"}, .env = environment_};
  auto ended = co_await commands_.run(std::move(command), collect, Deadline::after(kAptConfigLimit));
  if (!ended || ended->status != 0) dump->clear();
  auto read = [this, dump] { return std::make_shared<const HostConfig>(read_host_config(environment_, *dump)); };
  loaded_ = co_await pool_.run(read);
  co_return loaded_;
}

}  // namespace bimodal::image
