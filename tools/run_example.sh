#!/bin/bash
# Starts the daemon unless it runs, deploys examples/hello.py with the official client, and says how to call it.
#   tools/run_example.sh BIMODAL
set -euo pipefail
cd "$(dirname "$0")/.."
bimodal=$1

"$bimodal" status >/dev/null 2>&1 || "$bimodal" up
"$bimodal" deploy examples/hello.py
url=$("$bimodal" status --json | python3 -c '
import json, sys
apps = json.load(sys.stdin)["apps"]
print(next(url for app in apps if app["name"] == "hello" for url in app["urls"]))')
echo
echo "hello answers at $url"
echo "  curl '$url?name=you'"
