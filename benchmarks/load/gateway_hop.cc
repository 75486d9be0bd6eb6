// The gateway alone, in front of a runner that answers at once: for measuring what the hop costs.
//
//   gateway_hop runner SOCKET          answers every request on SOCKET with 13 bytes
//   gateway_hop gateway SOCKET PORT    serves Host app.localhost on 127.0.0.1:PORT by it, one loop
//
// Both print "ready" and run until standard input ends.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "gateway/fake_runner.h"
#include "gateway/gateway.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/functions.h"

namespace bimodal {
namespace {

class NoBlobs : public gateway::BlobGate {
  Result<std::filesystem::path> open_upload(const std::string&, std::uint64_t) override { return none(); }
  Result<void> commit_upload(const std::string&, const std::string&) override { return none(); }
  Result<gateway::BlobPart> open_download(const std::string&) override { return none(); }
  static tl::unexpected<Error> none() { return error(Code::NotFound, "no blobs here"); }
};

void wait_for_end_of_input() {
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

int run_runner(const std::string& socket) {
  gateway::FakeRunner runner(socket);
  wait_for_end_of_input();
  return 0;
}

int run_gateway(const std::string& socket, const std::string& port) {
  Loop control("control");
  Loop loop("gateway");
  control.start();
  loop.start();
  scheduler::FakeLauncher launcher(control.executor());
  launcher.web_socket = socket;
  scheduler::Functions functions(launcher, control.executor(), {});
  NoBlobs blobs;
  auto gateway = gateway::Gateway::listen({&loop}, "127.0.0.1:" + port, functions, blobs, {});
  if (!gateway) {
    std::fprintf(stderr, "%s\n", gateway.error().message.c_str());
    return 1;
  }
  auto version = std::make_shared<model::FunctionVersion>();
  version->function_id = "fu-1";
  version->definition_id = "de-1";
  version->app_id = "ap-1";
  version->scaling.max_inputs = 1000;
  control.post([&functions, version] { functions.publish("ap-1", {version}, scheduler::Switch::AtOnce); });
  control.post([&gateway] { (*gateway)->publish({{.host = "app.localhost", .function_id = "fu-1"}}); });
  wait_for_end_of_input();
  std::_Exit(0);  // nothing to save, and the load may still be on
}

}  // namespace
}  // namespace bimodal

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "runner") == 0) return bimodal::run_runner(argv[2]);
  if (argc == 4 && std::strcmp(argv[1], "gateway") == 0) return bimodal::run_gateway(argv[2], argv[3]);
  std::fprintf(stderr, "usage: gateway_hop runner SOCKET | gateway SOCKET PORT\n");
  return 2;
}
