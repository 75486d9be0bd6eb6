// What reading a browser's head over HTTP/1.1 costs, and writing that of an answer.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <string>

#include "http/request_head.h"
#include "http/response_head.h"
#include "script.h"

namespace bimodal::benchmarks {
namespace {

// Parsing turns names to lower case in place, so each turn has a copy of its own: some ten nanoseconds.
void parse_head(benchmark::State& state) {
  const std::string text = request_text(0);
  std::string bytes = text;
  http::RequestHead head;
  for (auto _ : state) {
    std::memcpy(bytes.data(), text.data(), text.size());
    std::size_t resume = 0;
    const auto result = http::parse_request_head(bytes.data(), bytes.size(), 64 * 1024, resume, head);
    if (result.outcome != http::HeadResult::Outcome::Complete) state.SkipWithError("the head is good");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(parse_head);

void write_head(benchmark::State& state) {
  const std::array fields{http::Field{"content-type", "text/plain"}, http::Field{"content-length", "13"}};
  const std::array extra{http::Field{"modal-request-id", "01JD3ZK5T2Q8N4W6Y7X9V0B1CM"}};
  const http::ResponseHead head{.status = 200, .fields = fields, .extra = extra, .body_size = 13};
  const http::ResponseContext context{.date = "Sun, 22 Jun 2025 10:00:00 GMT"};
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(http::write_response_head(head, context, out));
  }
}
BENCHMARK(write_head);

}  // namespace
}  // namespace bimodal::benchmarks
