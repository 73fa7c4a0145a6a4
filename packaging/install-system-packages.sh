#!/bin/sh
# Names the Debian/Ubuntu packages that are missing for the groups given, and installs them when root.
#   packaging/install-system-packages.sh base [window] [test] [browser]
set -eu
list=$(dirname "$0")/system-packages.txt

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian or Ubuntu: see $list for what is needed." >&2
    exit 0
fi

missing=""
for group in "$@"; do
    for package in $(awk -v group="$group" '$1 == group { print $2 }' "$list"); do
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$status" = "install ok installed" ] || missing="$missing $package"
    done
done

# An interpreter that did not come from a package (pyenv, a build) is as good.
if python3.11 -c 'import ensurepip, ssl, sqlite3' 2>/dev/null; then
    missing=$(printf '%s' "$missing" | sed 's/ python3\.11-venv//; s/ python3\.11//')
fi
[ -n "$missing" ] || exit 0

echo "Missing system packages:$missing"
if [ "$(id -u)" -ne 0 ]; then
    echo "Install them with: sudo apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # the list is words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
