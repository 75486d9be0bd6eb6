// Errors as values: Result<T>, Error and the codes they carry.
//
// The codes are gRPC's, so that an RPC maps them by a cast and HTTP by one table. Thread-safe: plain values.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace bimodal {

// https://grpc.io/docs/guides/status-codes, same numbers.
enum class Code : int {
  Ok = 0,
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
};

// The code's name as gRPC spells it, e.g. "NOT_FOUND".
std::string_view name_of(Code code);

// What failed, in one line that names the object, the operation and, where there is one, the remedy.
struct Error {
  Code code = Code::Unknown;
  std::string message;
};

// `Error` with a formatted message, as the value that converts to any Result<T>.
template <typename... Args>
[[nodiscard]] tl::unexpected<Error> error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// Internal, with the text of `errnum` (an errno value) behind the formatted message.
tl::unexpected<Error> errno_error(int errnum, std::string_view what);

// A T or an Error. A class of its own, because compilers drop [[nodiscard]] of an alias.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
 public:
  using tl::expected<void, Error>::expected;
  Result() = default;
  Result(tl::expected<void, Error> other) : tl::expected<void, Error>(std::move(other)) {}
};

}  // namespace bimodal

#define BIMODAL_CAT_(a, b) a##b
#define BIMODAL_CAT(a, b) BIMODAL_CAT_(a, b)
#define BIMODAL_TRY_(ret, tmp, decl, ...)                                   \
  auto tmp = (__VA_ARGS__);                                                 \
  if (!tmp) ret ::tl::unexpected<::bimodal::Error>(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define BIMODAL_CHECKED_(ret, tmp, ...) \
  if (auto tmp = (__VA_ARGS__); !tmp) ret ::tl::unexpected<::bimodal::Error>(std::move(tmp).error())

// TRY(auto x, f()): x from f()'s value, or return its error. The CO_ forms are for coroutines.
#define TRY(decl, ...) BIMODAL_TRY_(return, BIMODAL_CAT(try_, __LINE__), decl, __VA_ARGS__)
#define CO_TRY(decl, ...) BIMODAL_TRY_(co_return, BIMODAL_CAT(try_, __LINE__), decl, __VA_ARGS__)
// TRY_VOID(f()): return f()'s error, if any.
#define TRY_VOID(...) BIMODAL_CHECKED_(return, BIMODAL_CAT(try_, __LINE__), __VA_ARGS__)
#define CO_TRY_VOID(...) BIMODAL_CHECKED_(co_return, BIMODAL_CAT(try_, __LINE__), __VA_ARGS__)
