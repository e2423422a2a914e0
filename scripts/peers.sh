#!/bin/sh
# Installs the third-party clients that `make test-peers` runs against: Python packages into target/peers, programs from Debian.
#
#   scripts/peers.sh
#
# What cannot be installed is named; its tests then say that they are skipped, and why.
set -u
cd "$(dirname "$0")/.."
venv=${TEST_PEERS:-target/peers}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

[ -x "$venv/bin/python" ] || python3 -m venv "$venv" || { echo "no Python environment can be made (Debian: apt-get install python3-venv)" >&2; exit 0; }

# name of the module, then of the package
install_python() {
    "$venv/bin/python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)" 2>/dev/null && return
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$2" >"$log" 2>&1 || { echo "not installed: $2" >&2; tail -n 2 "$log" >&2; }
}
install_python grpc grpcio
install_python grpc_tools grpcio-tools
install_python grpc_reflection grpcio-reflection
install_python opentelemetry.proto opentelemetry-proto
install_python rotel rotel
install_python duckdb duckdb
install_python pyarrow pyarrow
install_python polars polars
install_python chdb chdb
install_python moto 'moto[s3,server]'
install_python jsonschema jsonschema
install_python schemathesis schemathesis
install_python adbc_driver_flightsql adbc-driver-flightsql
install_python asciinema 'asciinema<3'

# name of the program, then of the package
install_program() {
    command -v "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "not installed: $2 (as root: apt-get install $2)" >&2
        return
    fi
    [ -n "${updated:-}" ] || { apt-get update -qq >"$log" 2>&1; updated=yes; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >"$log" 2>&1 || { echo "not installed: $2" >&2; tail -n 2 "$log" >&2; }
}
install_program nats-server nats-server
install_program prometheus prometheus
install_program node nodejs
install_program npm npm
install_program chromium chromium

# The console's browser tests: exactly the packages of the lock file.
if command -v npm >/dev/null 2>&1; then
    mkdir -p "$venv/console" && cp tests/console/package.json tests/console/package-lock.json "$venv/console/"
    npm ci --prefix "$venv/console" --ignore-scripts --no-audit --no-fund >"$log" 2>&1 || { echo "not installed: playwright-core and axe-core" >&2; tail -n 2 "$log" >&2; }
fi
