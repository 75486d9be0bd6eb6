// What every API service of the daemon works with. Made by the composition; everything in it outlives Control.
//
// Services are loop-bound (the control loop); SQLite and files go to the pool.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "model/model.h"
#include "model/proxy_token.h"
#include "store/database.h"

namespace bimodal::image {
class Builder;
}
namespace bimodal::rpc {
class Tokens;
struct Caller;
}  // namespace bimodal::rpc
namespace bimodal::runtime {
class Containers;
}
namespace bimodal::scheduler {
class Functions;
}
namespace bimodal::store {
class Blobs;
class Logs;
class SecretBox;
}  // namespace bimodal::store

namespace bimodal::control {

struct Settings {
  std::filesystem::path home;             // BIMODAL_HOME
  std::string workspace = "local";        // first part of every web host
  std::string base_domain = "localhost";  // last part
  std::string web_scheme = "http";
  std::string web_host = "127.0.0.1";  // where the gateway listens: for blob URLs
  std::uint16_t web_port = 8080;       // in URLs; left out when it is the scheme's default
  std::string api_url;                 // where clients of this host reach the API; known once it listens
  std::string edge_api_url;            // where clients of other hosts reach it; empty: nowhere
  int max_inputs = 1000;               // most concurrent requests per container that a function may ask for
  std::chrono::milliseconds scaledown_window = std::chrono::seconds(60);  // of functions that name none
  bool gpu_required = false;                                              // refuse gpu= instead of warning
  std::string unenforced_limits;                                          // sandbox::unenforced_limits()
};

struct Context {
  boost::asio::any_io_executor executor;  // the control loop's
  BlockingPool& pool;
  store::Database& database;
  store::Blobs& blobs;
  store::Logs& logs;
  const store::SecretBox& secret_box;         // <home>/keys/secrets.key
  scheduler::Functions* functions = nullptr;  // these three are set before Control is made
  runtime::Containers* containers = nullptr;
  image::Builder* builder = nullptr;
  std::function<void(std::vector<model::Route>)> on_routes_changed;             // the gateway's new table
  std::function<void(std::vector<model::ProxyToken>)> on_proxy_tokens_changed;  // those that it accepts from now on
  Settings settings;
  rpc::Tokens* tokens = nullptr;                                                       // those that the API accepts
  std::function<void(const std::function<bool(const rpc::Caller&)>&)> end_calls = {};  // see rpc::Host

  // Runs `work(store::Transaction&)`, which returns a Result, as one transaction on the pool. It runs to its end even
  // when the caller is cancelled.
  template <typename F>
  Task<std::invoke_result_t<F, store::Transaction&>> transact(F work) {
    auto run = [this, work = std::move(work)]() mutable { return database.transact(work); };
    co_return co_await pool.run(std::move(run));
  }
};

}  // namespace bimodal::control
