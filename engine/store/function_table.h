// Rows of `functions`, `definitions` and `classes`: what an app may publish.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

inline constexpr std::string_view kBuildTag = "build ";  // no tag of a user's has a space

struct Function {
  std::string function_id;
  std::string app_id;
  std::string tag;         // "hello", "Cls.*"; of an image build: kBuildTag and a hash
  std::string autoscaler;  // serialized modal.client.AutoscalerSettings that came after the publish, "" for none
};

class FunctionTable {
 public:
  explicit FunctionTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const Function& function);
  Result<std::optional<Function>> find(const std::string& function_id);
  Result<std::optional<Function>> find_tag(const std::string& app_id, const std::string& tag);
  Result<void> set_autoscaler(const std::string& function_id, const std::string& settings);
  // Forgets autoscaler settings of all the app's functions, as a publish does.
  Result<void> clear_autoscalers(const std::string& app_id);

 private:
  Transaction& transaction_;
};

struct Definition {
  std::string definition_id;
  std::string function_id;
  std::string content_hash;
  std::string function;  // serialized modal.client.Function, as it will run
  double created_at = 0;
};

class DefinitionTable {
 public:
  explicit DefinitionTable(Transaction& transaction) : transaction_(transaction) {}

  // Keeps `definition` unless that function has one with the same hash already. Returns the id of the one that stands.
  Result<std::string> stage(const Definition& definition);
  Result<std::optional<Definition>> find(const std::string& definition_id);
  // What was staged last for that function.
  Result<std::optional<Definition>> newest_of(const std::string& function_id);
  // Gives the content of `definition_id` to a new definition of id `fresh_id`, which stage() finds from now on, so that
  // its function gets new containers. The old one stays. NotFound names the id.
  Result<void> renew(const std::string& definition_id, const std::string& fresh_id, double now);
  // Calls `visit` with the serialized modal.client.Function of every definition, published, staged or kept.
  Result<void> each(const std::function<void(const std::string& function)>& visit);
  // Removes definitions of the app that no layout holds and that are older than `created_before`, and functions of
  // image builds that have none left.
  Result<void> remove_unused(const std::string& app_id, double created_before);

 private:
  Transaction& transaction_;
};

class ClassTable {
 public:
  explicit ClassTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const std::string& class_id, const std::string& app_id);
  // The app that it belongs to.
  Result<std::optional<std::string>> app_of(const std::string& class_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
