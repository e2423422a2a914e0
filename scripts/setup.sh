#!/bin/sh
# Sees to it that this machine has what a purpose needs, and installs what is missing.
#
#   scripts/setup.sh build|demo|test|lint
#
# Debian and Ubuntu packages are installed as root or through sudo. Anywhere else, and for Rust itself, it says exactly what to
# install and exits with 1. When everything is there it changes nothing and takes a fraction of a second.
set -eu

# The least version of Rust: `rust-version` of Cargo.toml.
cd "$(dirname "$0")/.."
RUST=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

has() { command -v "$1" >/dev/null 2>&1; }

# A C compiler that finds the C library: SQLite is built from source.
compiles() { has cc && echo 'int main(void) { return 0; }' | cc -x c -include stdlib.h -o /dev/null - 2>/dev/null; }

check_rust() {
    if ! has cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        echo "error: cargo is installed but not in PATH; run: . \"${CARGO_HOME:-$HOME/.cargo}/env\"" >&2
        exit 1
    fi
    if ! has cargo; then
        echo "error: Rust is missing; agentsh needs Rust $RUST or later. Install it with:" >&2
        echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
        exit 1
    fi
    found=$(cargo --version | sed 's/^cargo \([0-9]*\.[0-9]*\).*/\1/')
    if [ "$(printf '%s\n%s\n' "$RUST" "$found" | sort -V | head -n 1)" != "$RUST" ]; then
        echo "error: Rust $found is too old; agentsh needs Rust $RUST or later. Update it with:" >&2
        if has rustup; then
            echo "  rustup update stable && rustup default stable" >&2
        else
            echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
        fi
        exit 1
    fi
}

check_lints() {
    for tool in fmt clippy; do
        if ! cargo "$tool" --version >/dev/null 2>&1; then
            echo "error: cargo $tool is missing. Install it with:" >&2
            echo "  rustup component add rustfmt clippy" >&2
            exit 1
        fi
    done
}

# The packages of a purpose that this machine lacks.
missing_packages() {
    compiles || echo gcc libc6-dev
    # The demo's and the tests' recorded commands call a local web server with it.
    case $1 in demo | test) has curl || echo curl ;; esac
    case $1 in
    test)
        # Stock `sqlite3` must read the journal; git and python3 are recorded at work.
        has sqlite3 || echo sqlite3
        # The player is tried on terminals that tmux holds.
        has tmux || echo tmux
        has git || echo git
        has python3 || echo python3
        # `setpriv` and `unshare`: the tests run agentsh as another user.
        has setpriv && has unshare || echo util-linux
        ;;
    esac
}

install_packages() {
    if ! has apt-get; then
        echo "error: these Debian packages (or what your system calls them) are missing: $*" >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=sudo
    else
        echo "error: packages are missing, and only root can install them. Run as root:" >&2
        echo "  apt-get update && apt-get install -y --no-install-recommends $*" >&2
        exit 1
    fi
    echo "installing $*" >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

purpose=${1:-build}
case $purpose in build | demo | test | lint) ;; *)
    echo "usage: scripts/setup.sh build|demo|test|lint" >&2
    exit 2
    ;;
esac
check_rust
[ "$purpose" != lint ] || check_lints
packages=$(missing_packages "$purpose" | tr '\n' ' ')
if [ -n "$packages" ]; then
    # Names of packages hold no spaces: splitting them is meant.
    # shellcheck disable=SC2086
    install_packages $packages
    packages=$(missing_packages "$purpose" | tr '\n' ' ')
    if [ -n "$packages" ]; then
        echo "error: still missing after the installation: $packages" >&2
        exit 1
    fi
fi
