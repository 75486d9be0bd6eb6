#!/bin/bash
# Measures warm requests beside peers. Further words go to benchmarks/load/run.py.
#   tools/bench.sh PYTHON [--quick --rounds N ...]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
shift
venv=.cache/venv-bench

tools/bench_peers.sh "$venv"
tools/build.sh release load_generator
exec "$python" benchmarks/load/run.py --peers "$venv/bin" "$@"
