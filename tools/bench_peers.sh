#!/bin/bash
# Installs the servers that Bimodal is compared with, in an environment of their own. Run again, it says nothing.
#   tools/bench_peers.sh VENV
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
stamp=$venv/installed-$(sha256sum benchmarks/requirements.txt | cut -c1-16)

tools/install_packages.sh benchmarks/packages.txt
[ -e "$stamp" ] && exit 0
echo "installing benchmarks/requirements.txt into $venv"
# The Python of Debian, which is that of Bimodal's images too.
python=/usr/bin/python3
"$python" -c 'import ensurepip' 2>/dev/null || python=python3
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r benchmarks/requirements.txt
touch "$stamp"
