#!/bin/bash
# Measures warm requests beside peers. Further words go to benchmarks/load/run.py.
#   tools/bench.sh BIMODAL [--rounds N ...]
set -euo pipefail
cd "$(dirname "$0")/.."
bimodal=$1
shift
venv=.cache/venv-bench

tools/bench_peers.sh "$venv"
exec "$venv/bin/python" benchmarks/load/run.py --binary "$bimodal" "$@"
