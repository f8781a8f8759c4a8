#!/usr/bin/env bash
# Makes a .deb and an .rpm with the same files, of the binary that was built last, in
# target/packages/release (or dev).
#   dev/packages.sh            of the release build
#   dev/packages.sh dev        of the debug build, for tests
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-release}
out=target/packages/$profile
tools=target/dev/packaging

# tool NAME VERSION [OPTION…]: from crates.io, once; unoptimised, which takes a third of the time.
tool() {
    local name=$1 version=$2
    shift 2
    grep -qs "^\"$name $version " "$tools/.crates.toml" && return
    echo "packages: cargo installs $name $version into $tools; that takes minutes, once"
    cargo install --debug --quiet --locked --root "$tools" "$name" --version "$version" "$@"
}

# Without xz as a library: the program is there wherever packages are made.
tool cargo-deb 3.8.0 --no-default-features
tool cargo-generate-rpm 0.21.1

rm -rf "$out"
mkdir -p "$out" target/packages/man
# What the manifest names as assets, of whichever build.
if [ "$profile" = release ]; then
    quick=()
    cp target/release/zk-bootstrap target/packages/zk-bootstrap
else
    quick=(--fast)
    strip -o target/packages/zk-bootstrap target/debug/zk-bootstrap
fi
# The same bytes at each build: without a name and a time.
for page in packaging/man/*.1; do
    gzip -9nc "$page" >"target/packages/man/$(basename "$page").gz"
done
"$tools/bin/cargo-deb" deb --no-build --no-strip --quiet "${quick[@]}" --output "$out/"
"$tools/bin/cargo-generate-rpm" --auto-req disabled --output "$out/"
ls "$out"/*
