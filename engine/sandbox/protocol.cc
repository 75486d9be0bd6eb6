#include "sandbox/protocol.h"

#include "sandbox/codec.h"

namespace bimodal::sandbox {

namespace {

template <typename T>
Result<T> checked(const Reader& in, T value, const char* what) {
  if (!in.ok()) return error(Code::InvalidArgument, "launcher: malformed {}", what);
  return value;
}

void put_paths(Writer& out, const std::vector<std::filesystem::path>& paths) {
  out.number(paths.size());
  for (const auto& path : paths) out.text(path.native());
}

std::vector<std::filesystem::path> take_paths(Reader& in) {
  auto texts = in.texts();
  return {texts.begin(), texts.end()};
}

void put_binds(Writer& out, const std::vector<Bind>& binds) {
  out.number(binds.size());
  for (const auto& bind : binds) {
    out.text(bind.source.native());
    out.text(bind.target);
    out.number(bind.read_only);
  }
}

std::vector<Bind> take_binds(Reader& in) {
  std::vector<Bind> binds;
  for (auto left = in.number(); in.ok() && left > 0; --left) {
    Bind bind;
    bind.source = in.text();
    bind.target = in.text();
    bind.read_only = in.number() != 0;
    binds.push_back(std::move(bind));
  }
  return binds;
}

void put_volumes(Writer& out, const std::vector<VolumeMount>& volumes) {
  out.number(volumes.size());
  for (const auto& volume : volumes) {
    out.text(volume.lower.native());
    out.text(volume.upper.native());
    out.text(volume.target);
    out.number(volume.read_only);
  }
}

std::vector<VolumeMount> take_volumes(Reader& in) {
  std::vector<VolumeMount> volumes;
  for (auto left = in.number(); in.ok() && left > 0; --left) {
    VolumeMount volume;
    volume.lower = in.text();
    volume.upper = in.text();
    volume.target = in.text();
    volume.read_only = in.number() != 0;
    volumes.push_back(std::move(volume));
  }
  return volumes;
}

void put_env(Writer& out, const std::map<std::string, std::string>& env) {
  out.number(env.size());
  for (const auto& [name, value] : env) {
    out.text(name);
    out.text(value);
  }
}

std::map<std::string, std::string> take_env(Reader& in) {
  std::map<std::string, std::string> env;
  for (auto left = in.number(); in.ok() && left > 0; --left) {
    std::string name = in.text();
    env[std::move(name)] = in.text();
  }
  return env;
}

}  // namespace

std::string encode(const Request& request) {
  Writer out;
  out.number(static_cast<std::uint64_t>(request.kind));
  out.number(request.id);
  out.number(static_cast<std::uint64_t>(request.number));
  out.number(request.other);
  return out.bytes();
}

Result<Request> decode_request(std::string_view bytes) {
  Reader in(bytes);
  Request request;
  request.kind = static_cast<Request::Kind>(in.number());
  request.id = in.number();
  request.number = static_cast<int>(in.number());
  request.other = in.number();
  return checked(in, request, "request");
}

std::string encode(const Reply& reply) {
  Writer out;
  out.number(static_cast<std::uint64_t>(reply.kind));
  out.number(reply.id);
  out.number(static_cast<std::uint64_t>(reply.number));
  out.text(reply.text);
  out.number(static_cast<std::uint64_t>(reply.report.exit_code));
  out.number(static_cast<std::uint64_t>(reply.report.signal));
  out.number(reply.report.out_of_memory);
  return out.bytes();
}

Result<Reply> decode_reply(std::string_view bytes) {
  Reader in(bytes);
  Reply reply;
  reply.kind = static_cast<Reply::Kind>(in.number());
  reply.id = in.number();
  reply.number = static_cast<int>(in.number());
  reply.text = in.text();
  reply.report.exit_code = static_cast<int>(in.number());
  reply.report.signal = static_cast<int>(in.number());
  reply.report.out_of_memory = in.number() != 0;
  return checked(in, std::move(reply), "reply");
}

std::string encode(const Spec& spec) {
  Writer out;
  out.text(spec.name);
  out.text(spec.hostname);
  put_paths(out, spec.layers);
  out.text(spec.upper.native());
  out.number(spec.keep_upper);
  put_binds(out, spec.binds);
  put_volumes(out, spec.volumes);
  out.texts(spec.argv);
  put_env(out, spec.env);
  out.text(spec.cwd);
  out.text(spec.user);
  out.number(spec.uid_base);
  out.number(static_cast<std::uint64_t>(spec.profile));
  out.number(static_cast<std::uint64_t>(spec.network));
  out.number(static_cast<std::uint64_t>(spec.limits.memory_bytes));
  out.number(static_cast<std::uint64_t>(spec.limits.cpu_milli));
  out.number(static_cast<std::uint64_t>(spec.limits.pids));
  out.number(spec.fds.size());
  for (const auto& passed : spec.fds) out.number(static_cast<std::uint64_t>(passed.number));
  return out.bytes();
}

Result<Spec> decode_spec(std::string_view bytes) {
  Reader in(bytes);
  Spec spec;
  spec.name = in.text();
  spec.hostname = in.text();
  spec.layers = take_paths(in);
  spec.upper = in.text();
  spec.keep_upper = in.number() != 0;
  spec.binds = take_binds(in);
  spec.volumes = take_volumes(in);
  spec.argv = in.texts();
  spec.env = take_env(in);
  spec.cwd = in.text();
  spec.user = in.text();
  spec.uid_base = static_cast<std::uint32_t>(in.number());
  spec.profile = static_cast<Profile>(in.number());
  spec.network = static_cast<Network>(in.number());
  spec.limits.memory_bytes = static_cast<std::int64_t>(in.number());
  spec.limits.cpu_milli = static_cast<int>(in.number());
  spec.limits.pids = static_cast<int>(in.number());
  for (auto left = in.number(); in.ok() && left > 0; --left) {
    spec.fds.push_back({.fd = -1, .number = static_cast<int>(in.number())});
  }
  return checked(in, std::move(spec), "spec");
}

std::string encode(const ExecSpec& spec) {
  Writer out;
  out.texts(spec.argv);
  put_env(out, spec.env);
  out.text(spec.cwd);
  out.text(spec.user);
  out.number(spec.terminal ? 1 : 0);
  const ExecSpec::Terminal terminal = spec.terminal.value_or(ExecSpec::Terminal{});
  out.number(static_cast<std::uint64_t>(terminal.rows));
  out.number(static_cast<std::uint64_t>(terminal.columns));
  out.number(spec.fds.size());
  for (const auto& passed : spec.fds) out.number(static_cast<std::uint64_t>(passed.number));
  return out.bytes();
}

Result<ExecSpec> decode_exec_spec(std::string_view bytes) {
  Reader in(bytes);
  ExecSpec spec;
  spec.argv = in.texts();
  spec.env = take_env(in);
  spec.cwd = in.text();
  spec.user = in.text();
  const bool has_terminal = in.number() != 0;
  ExecSpec::Terminal terminal;
  terminal.rows = static_cast<int>(in.number());
  terminal.columns = static_cast<int>(in.number());
  if (has_terminal) spec.terminal = terminal;
  for (auto left = in.number(); in.ok() && left > 0; --left) {
    spec.fds.push_back({.fd = -1, .number = static_cast<int>(in.number())});
  }
  return checked(in, std::move(spec), "exec spec");
}

}  // namespace bimodal::sandbox
