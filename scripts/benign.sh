#!/bin/sh
# Installs what ordinary work needs that `make bench-detections` records, beyond what a machine has: pytest, into target/benign.
#
#   scripts/benign.sh
#
# What cannot be installed is named; the report then says that its row is skipped.
set -u
cd "$(dirname "$0")/.."
venv=target/benign
log=$(mktemp)
trap 'rm -f "$log"' EXIT

command -v pytest >/dev/null 2>&1 && exit 0
[ -x "$venv/bin/pytest" ] && exit 0
python3 -m venv "$venv" >"$log" 2>&1 || { echo "not installed: pytest (Debian: apt-get install python3-venv)" >&2; exit 0; }
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check pytest >"$log" 2>&1 || { echo "not installed: pytest" >&2; tail -n 2 "$log" >&2; }
