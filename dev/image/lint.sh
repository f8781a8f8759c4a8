#!/usr/bin/env bash
# The linters of the playbook; each says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/../../ansible"
bin=$PWD/../target/dev/image/python/bin
# ansible-lint looks for its neighbours.
export PATH=$bin:$PATH ANSIBLE_NOCOLOR=1
yamllint --strict .
ansible-lint --nocolor -q --strict
