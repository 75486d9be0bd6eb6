#!/bin/bash
# Installs the Debian packages that FILE lists, one a line. Run again, it finds them in place and says nothing.
#   tools/install_packages.sh FILE
set -euo pipefail
list=$1

mapfile -t missing < <(
  comm -23 <(grep -vE '^(#|$)' "$list" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u)
)
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
echo "installing ${missing[*]}"
install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends)
# Old package lists name versions that are gone: then, and only then, they are fetched again.
"${install[@]}" "${missing[@]}" >/dev/null 2>&1 && exit 0
"${sudo[@]}" apt-get update -qq
"${install[@]}" "${missing[@]}" >/dev/null
