#!/bin/bash
# Builds the fuzz targets, and runs each for SECONDS on its corpus, two at a time. Fails with what a finding says and its
# input, in base64; the input is left in build/fuzz/findings besides. A finding that its input doesn't show again in RERUNS
# runs (a machine that stood still) has its target run once more, and is named.
#   tools/fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
reruns=200
tools/build.sh fuzz

findings=build/fuzz/findings
mkdir -p "$findings"

# What a run finds interesting goes to a folder of its own; the corpus in the repository is only read.
attempt() {
  local target=$1 corpus status=0
  corpus=$(mktemp -d "build/fuzz/corpus-$target-XXXXXX")
  "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$findings/$target-" "$corpus" "tests/fuzz/corpus/${target%_fuzz}" >"$findings/$target.log" 2>&1 ||
    status=$?
  rm -rf "$corpus"
  [ "$status" = 0 ] || echo "it ended with status $status" >>"$findings/$target.log"
  return "$status"
}

# One write, so that two targets' don't mix. Without the lines of progress.
tell() {
  local target=$1 input text
  text="$target:"$'\n'$(sed '/^#[0-9]/d' "$findings/$target.log" | tail -60)
  for input in "${@:2}"; do text+=$'\n'"$input: $(base64 -w 0 "$input")"; done
  echo "$text"
}

run() {
  local target=$1 input inputs=() again=no
  : >"$findings/$target.began"
  if ! attempt "$target"; then
    mapfile -t inputs < <(find "$findings" -name "$target-*" -newer "$findings/$target.began")
    tell "$target" "${inputs[@]}"
    for input in "${inputs[@]}"; do
      "build/fuzz/tests/fuzz/$target" -runs="$reruns" -timeout=10 -rss_limit_mb=1024 "$input" \
        >"$findings/$target.log" 2>&1 || again=yes
    done
    if [ "$again" = yes ] || ! attempt "$target"; then
      tell "$target"
      return 1
    fi
    echo "$target: nothing found at the second attempt only"
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$findings/$target.log") inputs, nothing found"
}
export -f run attempt tell
export seconds reruns findings
ls build/fuzz/tests/fuzz | grep '_fuzz$' | xargs -P 2 -I {} bash -euo pipefail -c 'run {}'
