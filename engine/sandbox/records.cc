#include "sandbox/records.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace bimodal::sandbox {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view kKeep = "keep:", kDrop = "drop:";
}

Records::Records(const fs::path& home, int generation)
    : directory_(home / (generation == 0 ? "sandboxes" : "sandboxes-" + std::to_string(generation))) {}

Result<void> Records::prepare() const {
  std::error_code failure;
  fs::create_directories(directory_, failure);
  if (failure) return error(Code::Internal, "make {}: {}", directory_.native(), failure.message());
  if (::chmod(directory_.c_str(), 0700) != 0) return errno_error(errno, "chmod " + directory_.native());
  return {};
}

Result<void> Records::add(const Spec& spec) const {
  std::string text(spec.keep_upper ? kKeep : kDrop);
  text += spec.upper.native();
  if (::symlink(text.c_str(), (directory_ / spec.name).c_str()) == 0) return {};
  if (errno == EEXIST) return error(Code::AlreadyExists, "sandbox {}: one of that name runs", spec.name);
  return errno_error(errno, "record of sandbox " + spec.name);
}

void Records::remove(const std::string& name) const {
  std::error_code gone;
  fs::remove(directory_ / name, gone);
}

std::vector<Record> Records::list() const {
  std::vector<Record> records;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(directory_, failure)) {
    std::string text = fs::read_symlink(entry.path(), failure).native();
    if (failure || text.size() < kKeep.size()) continue;
    records.push_back(
        {.name = entry.path().filename(), .upper = text.substr(kKeep.size()), .keep_upper = text.starts_with(kKeep)});
  }
  return records;
}

}  // namespace bimodal::sandbox
