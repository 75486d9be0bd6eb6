#!/bin/bash
# Builds the fuzz targets, and runs each for SECONDS on its corpus, two at a time. Fails with what a finding says; the
# input that shows it is left in build/fuzz/findings.
#   tools/fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
tools/build.sh fuzz

findings=build/fuzz/findings
mkdir -p "$findings"
# What a run finds interesting goes to a folder of its own; the corpus in the repository is only read.
run() {
  local target=$1 corpus
  corpus=$(mktemp -d "build/fuzz/corpus-$target-XXXXXX")
  if ! "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$findings/$target-" "$corpus" "tests/fuzz/corpus/${target%_fuzz}" >"$findings/$target.log" 2>&1; then
    echo "$target:" && tail -60 "$findings/$target.log"
    rm -rf "$corpus"
    return 1
  fi
  rm -rf "$corpus"
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$findings/$target.log") inputs, nothing found"
}
export -f run
export seconds findings
ls build/fuzz/tests/fuzz | grep '_fuzz$' | xargs -P 2 -I {} bash -euo pipefail -c 'run {}'
