// What the codec of frames costs: the head of a browser's request, and of a short answer.
#include <benchmark/benchmark.h>

#include <string>

#include "browser_head.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::benchmarks {
namespace {

void encode_request(benchmark::State& state) {
  const wire::RequestHead head = browser_head();
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(wire::encode(head, out));
  }
}
BENCHMARK(encode_request);

void decode_request(benchmark::State& state) {
  std::string bytes;
  wire::encode(browser_head(), bytes);
  wire::RequestHead head;
  for (auto _ : state) benchmark::DoNotOptimize(wire::decode(bytes, head));
}
BENCHMARK(decode_request);

const wire::ResponseHead kAnswer{.status = 200, .headers = {{"content-type", "text/plain"}, {"content-length", "13"}}};

void encode_response(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(wire::encode(kAnswer, out));
  }
}
BENCHMARK(encode_response);

void decode_response(benchmark::State& state) {
  std::string bytes;
  wire::encode(kAnswer, bytes);
  wire::ResponseHead head;
  for (auto _ : state) benchmark::DoNotOptimize(wire::decode(bytes, head));
}
BENCHMARK(decode_response);

void frame_header_there_and_back(benchmark::State& state) {
  char bytes[wire::kHeaderSize];
  for (auto _ : state) {
    wire::encode(
        {.size = 700, .stream = 7, .type = wire::FrameType::Request, .flags = wire::kEnd, .extra = 700}, bytes);
    benchmark::DoNotOptimize(wire::decode_frame_header(bytes));
  }
}
BENCHMARK(frame_header_there_and_back);

}  // namespace
}  // namespace bimodal::benchmarks
