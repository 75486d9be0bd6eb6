// Rows of `calls` and `inputs`: plain calls of functions.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct Call {
  std::string call_id, function_id, app_id;
  std::string parent_input_id;  // "" when no input of another call made it
  int kind = 0;                 // modal.client.FunctionCallType
  int invocation = 0;           // modal.client.FunctionCallInvocationType
  double created_at = 0;        // Unix seconds, here and below
  int expected = -1;            // number of inputs, -1 as long as more may come
  double taken_at = 0;          // when the caller had all that it wanted, 0: not yet
  std::string request_key;      // the idempotency key of the request that made it, "" for none
};

// How an input ended, without what it gave.
struct Ending {
  int entry = 0;   // how many inputs of the call had ended with this one, 0: it hasn't
  int status = 0;  // modal.client.GenericResult.GenericStatus
  std::string task_id;
  double started_at = 0, ended_at = 0;
};

struct Input {
  std::string call_id;
  int place = 0;  // its index in the call
  std::string input_id;
  int attempts = 0;  // user's retries so far
  Ending ending;
};

class CallTable {
 public:
  explicit CallTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const Call& call);
  Result<std::optional<Call>> find(const std::string& call_id);
  // The call is to have so many inputs.
  Result<void> set_expected(const std::string& call_id, int inputs);
  Result<void> set_taken(const std::string& call_id, double at);
  // Request keys of calls made since then, with the call's id.
  Result<std::map<std::string, std::string>> request_keys(double since);
  // Those with an input that hasn't ended, oldest first.
  Result<std::vector<Call>> unfinished();
  // Made by an input of `call_id`.
  Result<std::vector<Call>> children(const std::string& call_id, int most);
  // Deletes calls that were made before `created` or taken before `taken`, with their inputs; those with inputs that
  // haven't ended stay. At most `most` at once. Returns how many.
  Result<int> remove_old(double created, double taken, int most);

 private:
  Transaction& transaction_;
};

class InputTable {
 public:
  explicit InputTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const Input& input, const std::string& arguments);
  Result<void> set_attempts(const std::string& call_id, int place, int attempts);
  Result<void> end(const std::string& call_id, int place, const Ending& ending, const std::string& output);
  Result<std::vector<Input>> of_call(const std::string& call_id);
  Result<std::string> arguments(const std::string& call_id, int place);
  Result<std::string> output(const std::string& call_id, int place);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
