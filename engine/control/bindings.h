// Variants of functions (FunctionBindParams, protocol §8.3): instances of classes with arguments of their own,
// `Cls(x=1)`, and what with_options() and the like make. Each has an id, which depends on nothing but what it is, and a
// pool of its own; web requests with the same class parameters use it as well. Loop-bound.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "control/api.h"
#include "control/context.h"
#include "control/registry.h"
#include "rpc/service.h"
#include "scheduler/functions.h"
#include "store/binding_table.h"

namespace bimodal::control {

class Bindings {
 public:
  static constexpr int kMost = 20'000;                 // those bound longest ago are forgotten: their callers bind anew
  static constexpr std::size_t kMaxBytes = 16 * 1024;  // of arguments, and of options

  Bindings(Context& context, const Registry& registry, rpc::Service& service);

  // Reads what was bound before. Once, before anything is called.
  Task<Result<void>> recover();

  // Of a published function, or a bound one. Null when it isn't served.
  model::FunctionVersionPtr version(const std::string& function_id) const;
  // Where its inputs get slots. Null when it isn't served.
  std::shared_ptr<scheduler::PoolSource> source(const std::string& function_id) const;

 private:
  Task<Result<api::FunctionBindParamsResponse>> bind(rpc::Call call, api::FunctionBindParamsRequest request);
  void remember(store::Binding binding);

  Context& context_;
  const Registry& registry_;
  std::map<std::string, std::shared_ptr<const store::Binding>> bindings_;  // by bound id
};

}  // namespace bimodal::control
