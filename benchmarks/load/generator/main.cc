// Load on a server on 127.0.0.1, with every answer verified. Prints one line of JSON; what voids the run, on standard
// error.
//
//   load_generator PORT [--host H] [--path P] [--method M] [--header 'Name: value']... [--body BYTES] [--expect FILE]
//                       [--connections N] [--seconds S] [--rate QUESTIONS_PER_SECOND]
//   load_generator PORT --websocket BYTES [--deflate] ...
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "run.h"

namespace load {
namespace {

struct Options {
  HttpOptions http;
  std::optional<WebSocketOptions> websocket;
  RunOptions run;
};

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::invalid_argument("can't read " + file);
  return {std::istreambuf_iterator<char>(in), {}};
}

Options parse(int argc, char** argv) {
  Options options;
  options.http.host = "localhost";
  bool deflate = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (i == 1) {
      options.run.port = static_cast<std::uint16_t>(std::stoi(word));
      continue;
    }
    if (word == "--deflate") {
      deflate = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(word + " needs a value");
    const std::string value = argv[++i];
    if (word == "--host")
      options.http.host = value;
    else if (word == "--path")
      options.http.path = value;
    else if (word == "--method")
      options.http.method = value;
    else if (word == "--header")
      options.http.headers.push_back(value);
    else if (word == "--body")
      options.http.body = std::string(std::stoul(value), 'x');
    else if (word == "--body-file")
      options.http.body = contents(value);
    else if (word == "--expect")
      options.http.expected = contents(value);
    else if (word == "--websocket")
      options.websocket.emplace().bytes = std::stoul(value);
    else if (word == "--connections")
      options.run.connections = std::stoi(value);
    else if (word == "--seconds")
      options.run.seconds = std::stod(value);
    else if (word == "--rate")
      options.run.rate = std::stod(value);
    else
      throw std::invalid_argument("unknown option " + word);
  }
  if (options.websocket) {
    const std::size_t bytes = options.websocket->bytes;
    options.websocket = {options.http.host, options.http.path, options.http.headers, bytes, deflate};
  }
  return options;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Microseconds. The rank is rounded up, so that p99 of fewer than 100 is the largest.
double percentile_us(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto rank = std::min(values.size() - 1, static_cast<std::size_t>(share * values.size()));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
  return values[rank] * 1e6;
}

int generate(int argc, char** argv) {
  Options options = parse(argc, argv);
  const auto protocol = options.websocket ? websocket_echo(*options.websocket) : http(options.http);
  const double cpu_before = cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  Outcome outcome = run(*protocol, options.run);
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double busy = (cpu_seconds() - cpu_before) / wall;
  std::printf(
      "{\"answers\": %llu, \"seconds\": %.6f, \"busy\": %.4f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
      "\"max_us\": %.1f, \"late_p99_us\": %.1f}\n",
      static_cast<unsigned long long>(outcome.answers), outcome.seconds, busy, percentile_us(outcome.latencies, 0.5),
      percentile_us(outcome.latencies, 0.99), percentile_us(outcome.latencies, 0.999),
      percentile_us(outcome.latencies, 1), percentile_us(outcome.lateness, 0.99));
  return 0;
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw std::invalid_argument("usage: load_generator PORT [OPTION VALUE]...");
    return load::generate(argc, argv);
  } catch (const load::Void& why) {
    std::fprintf(stderr, "void: %s\n", why.what());
    return 1;
  } catch (const std::exception& why) {
    std::fprintf(stderr, "load_generator: %s\n", why.what());
    return 2;
  }
}
