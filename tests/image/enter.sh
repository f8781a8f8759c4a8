#!/usr/bin/env bash
# Takes ssh's place for Ansible, which then plays inside a machine of this one: the last argument is
# the command, ZK_MACHINE the machine's PID 1.
exec nsenter --target "$ZK_MACHINE" --all -- env -i HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "${*: -1}"
