#!/usr/bin/env bash
# Sets up what the local world needs besides Rust, on Debian or Ubuntu; quick when all is there.
#
#   dev/setup.sh          ZooKeeper as the distribution packages it, Java, an emulated AWS
#   dev/setup.sh --all    ZooKeeper 3.9.5 too, whose jars come with a 456 MB download
#
# apt is the only step that needs rights (sudo, unless root); the rest stays below target/dev.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
dev=$here/target/dev
release=3.9.5
spark=4.3.0
oldest=3.8

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

packages() {
    command -v apt-get >/dev/null || fail "this needs Debian or Ubuntu (apt-get)"
    local missing=()
    installed zookeeper || missing+=(zookeeper)
    installed libslf4j-java || missing+=(libslf4j-java)
    command -v java >/dev/null || missing+=(default-jre-headless)
    command -v make >/dev/null || missing+=(make)
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v systemd-analyze >/dev/null || missing+=(systemd)
    command -v python3 >/dev/null || missing+=(python3)
    command -v curl >/dev/null || missing+=(curl)
    # Packet filters are for root alone, and `make chaos` does without.
    [ "$(id -u)" != 0 ] || installed nftables || missing+=(nftables)
    [ "$(id -u)" != 0 ] || installed iproute2 || missing+=(iproute2)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [ ${#missing[@]} -gt 0 ] || return 0
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    say "installing by ${root[*]} apt-get: ${missing[*]}"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -qq -y --no-install-recommends \
        "${missing[@]}" >/dev/null
}

python() {
    local wanted=dev/cloud/requirements.txt
    cmp -s "$wanted" "$dev/python/installed.txt" && return
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "this needs Python 3.11"
    say "installing by pip into target/dev/python: $(grep -v '^#' "$wanted" | tr '\n' ' ')"
    python3 -m venv "$dev/python"
    "$dev/python/bin/pip" install -q --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$dev/python/installed.txt"
}

# A directory as zkServer.sh expects it: bin with the scripts, lib with the jars that follow.
distribution() {
    local home=$dev/zookeeper/$1
    shift
    rm -rf "$home.part"
    mkdir -p "$home.part/bin" "$home.part/lib"
    ln -s /usr/share/zookeeper/bin/zkServer.sh /usr/share/zookeeper/bin/zkCli.sh \
        "$here/dev/zookeeper/zkEnv.sh" "$home.part/bin"
    # One that logs to standard error; zkServer.sh keeps that in a file for each server.
    ln -s /usr/share/java/slf4j-api.jar /usr/share/java/slf4j-simple.jar "$home.part/lib"
    ln -s "$@" "$home.part/lib"
    rm -rf "$home"
    mv "$home.part" "$home"
}

packaged() {
    local version
    version=$(dpkg-query -W -f '${Version}' zookeeper)
    dpkg --compare-versions "$version" ge "$oldest" ||
        fail "this needs ZooKeeper $oldest or newer (Debian 12, Ubuntu 24.04), not $version"
    [ -e "$dev/zookeeper/packaged/bin/zkServer.sh" ] && return
    distribution packaged /usr/share/java/zookeeper.jar
}

newest() {
    [ -e "$dev/zookeeper/$release/lib/zookeeper-$release.jar" ] && return
    say "downloading ZooKeeper $release's jars into target/dev (456 MB, 10 MB of it kept)"
    local jars=$dev/zookeeper/jars-$release
    rm -rf "$dev/download" "$jars"
    mkdir -p "$dev/download" "$jars"
    "$dev/python/bin/pip" download -q --disable-pip-version-check --no-cache-dir --no-deps \
        --no-binary pyspark -d "$dev/download" "pyspark==$spark" 2>&1 | sed 's/^/setup: pip: /'
    local wanted=() jar
    for jar in zookeeper-"$release" zookeeper-jute commons-io commons-cli metrics-core snappy-java \
        netty-{buffer,codec-base,common,handler,resolver} \
        netty-transport{,-classes-epoll,-native-unix-common}; do
        wanted+=("*/jars/$jar[-.][0-9j]*")
    done
    tar -xzf "$dev/download/pyspark-$spark.tar.gz" -C "$jars" --no-same-owner \
        --strip-components=3 --wildcards "${wanted[@]}"
    rm -rf "$dev/download"
    distribution "$release" "$jars"/*.jar
}

mkdir -p "$dev"
packages
python
packaged
[ "${1:-}" != --all ] || newest
