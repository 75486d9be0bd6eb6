// What the runner does for each request before the application runs: the ASGI scope, in an interpreter of our own.
#include <benchmark/benchmark.h>

#include "browser_head.h"
#include "headers.h"
#include "py.h"
#include "scope.h"

PyMODINIT_FUNC PyInit__runner();

namespace bimodal::benchmarks {
namespace {

void make_scope(benchmark::State& state) {
  const wire::RequestHead head = browser_head();
  runner::Ref lifespan = runner::Ref::steal(PyDict_New());
  for (auto _ : state) benchmark::DoNotOptimize(runner::make_scope(head, lifespan.get()));
}
BENCHMARK(make_scope);

void make_header_list(benchmark::State& state) {
  const wire::RequestHead head = browser_head();
  for (auto _ : state) benchmark::DoNotOptimize(runner::header_list(head.headers));
}
BENCHMARK(make_header_list);

}  // namespace
}  // namespace bimodal::benchmarks

int main(int argc, char** argv) {
  PyImport_AppendInittab("_runner", PyInit__runner);
  Py_Initialize();
  PyObject* module = PyImport_ImportModule("_runner");
  if (module == nullptr) {
    PyErr_Print();
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  Py_DECREF(module);
  return 0;
}
