// Recipes from arbitrary bytes: no crash, no endless loop, and a plan only from what parses.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "image/dockerfile.h"
#include "image/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimodal::image;
  const std::vector<std::string> lines = {std::string(reinterpret_cast<const char*>(data), size)};
  auto instructions = parse_dockerfile(lines);
  if (!instructions) return 0;
  const Context context = {{"/a.txt", {"/a", 0644, "1"}}, {"/src/b.py", {"/b", 0755, "2"}}};
  if (!base_of(*instructions, {{"ARGUMENT", "given"}})) return 0;
  auto plan = make_plan(*instructions, ImageConfig(), {{"ARGUMENT", "given"}}, context, {"SECRET"});
  if (plan && plan->steps.size() > instructions->size()) std::abort();
  return 0;
}
