#!/bin/sh
# Makes .venv with EdgeKiln and its tools. Complete or not there: the mark is written last.
set -eu
cd "$(dirname "$0")/.."
mark=.venv/.complete
stamp=$(cat pyproject.toml packaging/constraints.txt | cksum)
if [ -f "$mark" ] && [ "$(cat "$mark")" = "$stamp" ]; then
    exit 0
fi
echo "Setting up .venv (a few minutes the first time) …"
[ -x .venv/bin/python ] || python3.11 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint packaging/constraints.txt --editable '.[dev]'
.venv/bin/python -m pip check >/dev/null
echo "$stamp" >"$mark"
