#!/bin/bash
# Configures (once) and builds a preset of CMakePresets.json; prints warnings and errors only.
#   tools/build.sh PRESET
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
log=build/$preset/build.log
mkdir -p "build/$preset"

if [ ! -e "build/$preset/build.ninja" ]; then
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log"; exit 1; }
fi
cmake --build --preset "$preset" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] [A-Z]' "$log"; exit 1; }
grep -E 'warning:' -A4 "$log" || true
