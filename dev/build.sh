#!/usr/bin/env bash
# Builds with cargo, and tells a newcomer who waits for the AWS SDK what is going on.
#   dev/build.sh --bin zk-bootstrap --example demo
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo >/dev/null || {
    echo "build: this needs a Rust toolchain, 1.94 or newer: https://rustup.rs" >&2
    exit 1
}
built=debug
[[ " $* " != *" --release "* ]] || built=release
if ! [ -e "target/$built/zk-bootstrap" ]; then
    crates=$(grep -c '^\[\[package\]\]' Cargo.lock)
    echo "build: cargo builds $crates crates; the AWS SDK takes some minutes, once"
fi
exec cargo build --locked "$@"
