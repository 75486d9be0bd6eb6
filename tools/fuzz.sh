#!/bin/bash
# Builds the fuzz targets, and runs each for SECONDS on its corpus, two at a time. Fails with what a finding says and the
# input that shows it, in base64; the input is left in build/fuzz/findings besides.
#   tools/fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
tools/build.sh fuzz

findings=build/fuzz/findings
mkdir -p "$findings"
# What a run finds interesting goes to a folder of its own; the corpus in the repository is only read.
run() {
  local target=$1 corpus status=0
  corpus=$(mktemp -d "build/fuzz/corpus-$target-XXXXXX")
  "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$findings/$target-" "$corpus" "tests/fuzz/corpus/${target%_fuzz}" >"$findings/$target.log" 2>&1 ||
    status=$?
  rm -rf "$corpus"
  if [ "$status" != 0 ]; then  # in one write, so that two targets' don't mix; without the lines of progress
    echo "$target ended with status $status:"$'\n'"$(sed '/^#[0-9]/d' "$findings/$target.log" | tail -60)"$'\n'"$(
      sed -n 's/.*Test unit written to //p' "$findings/$target.log" | xargs -r base64 -w 0)"
    return 1
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$findings/$target.log") inputs, nothing found"
}
export -f run
export seconds findings
ls build/fuzz/tests/fuzz | grep '_fuzz$' | xargs -P 2 -I {} bash -euo pipefail -c 'run {}'
