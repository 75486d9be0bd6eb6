#!/bin/bash
# Installs the peers, in an environment of their own, and measures. Further words go to benchmarks/load/run.py.
#   tools/bench.sh BIMODAL [--rounds N ...]
set -euo pipefail
cd "$(dirname "$0")/.."
bimodal=$1
shift
venv=.cache/venv-bench

for program in nginx wrk; do
  command -v "$program" >/dev/null || { echo "bench: install $program first: apt-get install $program" >&2; exit 1; }
done
[ -x "$venv/bin/uvicorn" ] || {
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r benchmarks/requirements.txt
}
exec "$venv/bin/python" benchmarks/load/run.py --binary "$bimodal" "$@"
