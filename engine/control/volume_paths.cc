#include "control/volume_paths.h"

namespace bimodal::control {
namespace {

constexpr std::size_t kMaxPath = 4000, kMaxName = 255;  // bytes; PATH_MAX leaves room for where it is mounted

tl::unexpected<Error> bad_path(const std::string& text, std::string_view why) {
  return error(Code::InvalidArgument, "volume: path \"{}\" {}", text.substr(0, text.find('\0')).substr(0, 200), why);
}

}  // namespace

Result<std::string> volume_path(const std::string& text) {
  if (text.find('\0') != std::string::npos) return bad_path(text, "has a NUL");
  if (text.size() > kMaxPath) return bad_path(text, "is longer than 4000 bytes");
  std::string normal;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t end = text.find('/', begin);
    if (end == std::string::npos) end = text.size();
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return bad_path(text, "has \"..\"");
    if (part.size() > kMaxName) return bad_path(text, "has a part longer than 255 bytes");
    normal = joined_path(normal, part);
  }
  return normal;
}

Result<std::string> volume_file_path(const std::string& text) {
  TRY(std::string path, volume_path(text));
  if (path.empty()) return bad_path(text, "names no file");
  return path;
}

std::string joined_path(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace bimodal::control
