#!/usr/bin/env bash
# Sets up what `make test-image` needs besides dev/setup.sh: machines in the machine, Ansible, and
# Packer. Quick when all is there. Root, on Debian or Ubuntu.
set -euo pipefail
cd "$(dirname "$0")/../.."
kept=$PWD/target/dev/image

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

packages() {
    command -v apt-get >/dev/null || fail "this needs Debian or Ubuntu (apt-get)"
    local missing=() package
    for package in mmdebstrap debian-archive-keyring systemd-container nftables iproute2 packer \
        openssh-client; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing by apt-get: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        "${missing[@]}" >/dev/null || fail "apt-get could not install: ${missing[*]}"
}

python() {
    local wanted=dev/image/requirements.txt
    # Its programs name the checkout's path: one that was moved has none that run.
    cmp -s "$wanted" "$kept/python/installed.txt" &&
        "$kept/python/bin/yamllint" --version >/dev/null 2>&1 && return
    say "installing by pip into target/dev/image/python: $(grep -v '^#' "$wanted" | tr '\n' ' ')"
    python3 -m venv --clear "$kept/python"
    "$kept/python/bin/pip" install -q --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$kept/python/installed.txt"
}

[ "$(id -u)" = 0 ] || fail "make test-image boots machines, which takes root"
mkdir -p "$kept"
packages
python
