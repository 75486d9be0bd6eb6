#include "image/bases.h"

#include <regex>

#include "image/files.h"
#include "image/fingerprint.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Headers, so that packages without a wheel compile once there is a compiler; the rest is what the official images
// have.
constexpr std::string_view kPackages =
    "python3,python3-venv,python3-pip,libpython3-dev,python3-distutils,ca-certificates,netbase,tzdata";

// As the slim images: no manuals and documentation; and never the marker that keeps pip from installing.
constexpr std::string_view kDpkgConfig =
    "path-exclude /usr/share/doc/*\n"
    "path-include /usr/share/doc/*/copyright\n"
    "path-exclude /usr/share/man/*\n"
    "path-exclude /usr/share/info/*\n"
    "path-exclude /usr/share/locale/*\n"
    "path-exclude /usr/lib/python3*/EXTERNALLY-MANAGED\n"
    "force-unsafe-io\n";

// Packages and indexes that were fetched don't stay in layers.
constexpr std::string_view kAptConfig =
    "APT::Keep-Downloaded-Packages \"false\";\n"
    "Acquire::Languages \"none\";\n"
    "Acquire::GzipIndexes \"true\";\n"
    "Dir::Cache::pkgcache \"\";\n"
    "Dir::Cache::srcpkgcache \"\";\n"
    "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };\n";

// No service manager runs in a build.
constexpr std::string_view kPolicy = "#!/bin/sh\nexit 101\n";

Result<void> link(const fs::path& place, const char* target) {
  std::error_code failure;
  fs::create_directories(place.parent_path(), failure);
  if (!failure) fs::create_symlink(target, place, failure);
  if (failure) return error(Code::ResourceExhausted, "can't make {}: {}", place.string(), failure.message());
  return {};
}

void empty_directory(const fs::path& directory) {
  for (const auto& entry : list_directory(directory)) remove_tree(entry);
}

}  // namespace

Result<Base> find_base(const std::string& name) {
  static const std::regex python(R"(python:3\.11(\.\d+)?-slim(-bookworm)?)");
  static const std::regex debian(R"(debian:(bookworm|12)(\.\d+)?(-slim)?)");
  if (name == "scratch") return Base::Scratch;
  std::string plain = name;
  for (std::string_view prefix : {"docker.io/", "library/"}) {
    if (plain.starts_with(prefix)) plain = plain.substr(prefix.size());
  }
  if (std::regex_match(plain, python)) return Base::Python;
  if (std::regex_match(plain, debian)) return Base::Debian;
  return error(Code::NotFound, "the base image {} is not available here: this server has {}", name, kAvailableBases);
}

ImageConfig config_of(Base base) {
  ImageConfig config;
  config.env["PATH"] = kPath;
  if (base == Base::Debian) config.cmd = {"bash"};
  if (base == Base::Python) {
    config.env["PATH"] = "/usr/local/bin:" + std::string(kPath);
    config.env["LANG"] = "C.UTF-8";
    config.cmd = {"python3"};
  }
  return config;
}

std::string debian_key() {
  return Fingerprint()
      .add("debian")
      .add(kBuilderVersion)
      .add(kDebianRelease)
      .add(kPackages)
      .add(kDpkgConfig)
      .add(kAptConfig)
      .hex();
}

std::string python_names_key() {
  return layer_key({debian_key()}, Fingerprint().add("python names").hex());
}

std::vector<std::string> mmdebstrap_argv(
    const fs::path& target, const std::vector<std::string>& sources, const std::vector<std::string>& apt_options) {
  std::vector<std::string> argv = {
      "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--include=" + std::string(kPackages)};
  for (const auto& option : apt_options) argv.push_back("--aptopt=" + option);
  std::string_view rest = kDpkgConfig;
  while (!rest.empty()) {
    auto end = rest.find('\n');
    argv.push_back("--dpkgopt=" + std::string(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  argv.emplace_back(kDebianRelease);
  argv.push_back(target.string());
  argv.insert(argv.end(), sources.begin(), sources.end());
  return argv;
}

Result<void> finish_debian(const fs::path& tree) {
  std::error_code failure;
  empty_directory(tree / "var/lib/apt/lists");
  empty_directory(tree / "var/cache/apt");
  empty_directory(tree / "tmp");
  empty_directory(tree / "dev");  // every sandbox has its own
  fs::remove(tree / "etc/apt/apt.conf.d/99mmdebstrap", failure);
  fs::remove(tree / "usr/lib/python3.11/EXTERNALLY-MANAGED", failure);
  // Empty files, so that the sandbox can mount its own over them without making them.
  for (const char* file : {"etc/resolv.conf", "etc/hostname", "etc/hosts"}) {
    fs::remove(tree / file, failure);
    TRY_VOID(write_file(tree / file, ""));
  }
  TRY_VOID(write_file(tree / "etc/dpkg/dpkg.cfg.d/image", kDpkgConfig));
  fs::remove(tree / "etc/dpkg/dpkg.cfg.d/99mmdebstrap", failure);
  TRY_VOID(write_file(tree / "etc/apt/apt.conf.d/image", kAptConfig));
  return write_file(tree / "usr/sbin/policy-rc.d", kPolicy, 0755);
}

Result<void> write_python_names(const fs::path& tree) {
  fs::path bin = tree / "usr/local/bin";
  TRY_VOID(link(bin / "python", "/usr/bin/python3.11"));
  TRY_VOID(link(bin / "python3", "/usr/bin/python3.11"));
  TRY_VOID(link(bin / "pip", "/usr/bin/pip3"));
  TRY_VOID(link(bin / "pip3", "/usr/bin/pip3"));
  return link(tree / "usr/local/lib/python3.11/site-packages", "dist-packages");
}

}  // namespace bimodal::image
