#!/bin/bash
# Installs what the project needs: Debian packages, and two Python environments (newest and oldest supported client).
# Run again, it finds everything in place and says nothing.
#   tools/setup.sh VENV VENV_OLDEST
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
venv_oldest=$2

# The official client runs on Python 3.10 to 3.13.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.10; do
    "$candidate" -c 'import sys, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
    echo "$candidate"
    return 0
  done
  echo "setup: no Python 3.10 to 3.13 with venv was found; install python3 and python3-venv" >&2
  return 1
}

# install_venv DIRECTORY REQUIREMENTS: makes it, or brings it up to a changed file.
install_venv() {
  local directory=$1 requirements=$2 stamp
  stamp=$directory/installed-$(sha256sum "$requirements" | cut -c1-16)
  [ ! -e "$stamp" ] || return 0
  echo "installing $requirements into $directory"
  rm -rf "$directory"
  "$(find_python)" -m venv "$directory"
  "$directory/bin/pip" install -q --disable-pip-version-check -r "$requirements"
  touch "$stamp"
}

tools/install_packages.sh tools/packages.txt
install_venv "$venv" tests/requirements.txt
install_venv "$venv_oldest" tests/requirements-oldest.txt
