#!/bin/bash
# Configures (once) and builds a preset of CMakePresets.json, or targets of it; prints warnings and errors only.
#   tools/build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
log=build/$preset/build.log
mkdir -p "build/$preset"

if [ ! -e "build/$preset/build.ninja" ]; then
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log"; exit 1; }
fi
cmake --build --preset "$preset" ${1:+--target "$@"} >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] [A-Z]' "$log"; exit 1; }
grep -E 'warning:' -A4 "$log" || true
