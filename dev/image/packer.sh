#!/usr/bin/env bash
# The test of Packer's template, in namespaces of its own, which end with it: its machine's sshd is on
# a loopback that nobody else has.
set -euo pipefail
cd "$(dirname "$0")"
exec unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
    ip link set lo up
    exec ../../target/dev/image/python/bin/python3 -B -W ignore::ResourceWarning -m unittest -q packer_test
'
