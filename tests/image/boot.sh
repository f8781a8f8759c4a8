#!/usr/bin/env bash
# Boots a root with its own systemd as PID 1, and again when it reboots.
#   boot.sh NAME ROOT CGROUP... -- MORE...
# The machine's processes are in the cgroups: PID 1 in CGROUP/payload/init.scope of the one of
# version 2. MORE are arguments of systemd-nspawn. Ends as the machine does.
set -uo pipefail
name=$1 root=$2
shift 2
cgroups=()
while [ "$1" != -- ]; do
    cgroups+=("$1")
    shift
done
shift
# Where the machine's kernel has version 1, systemd would take that for its own.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
    (
        for cgroup in "${cgroups[@]}"; do
            echo "$BASHPID" >"$cgroup/cgroup.procs" || exit 1
        done
        # CAP_BPF and CAP_PERFMON: IPAddressDeny= of the units. --keep-unit: there is no systemd
        # outside to ask for a scope.
        exec systemd-nspawn --quiet --directory="$root" --boot --machine="$name" \
            --hostname="$name" --register=no --keep-unit --console=read-only \
            --kill-signal=SIGRTMIN+4 --timezone=off --link-journal=no \
            --capability=CAP_BPF,CAP_SYS_ADMIN,CAP_NET_ADMIN,CAP_PERFMON \
            --system-call-filter=bpf "$@" </dev/null
    )
    status=$?
    # The machine's PID 1 asked for a reboot.
    [ "$status" = 133 ] || exit "$status"
done
