#!/usr/bin/env bash
# Tries the README's commands as a new user on a bare Debian 12: a root made with debootstrap, a clean clone, a user
# with sudo.  Then once more without sudo and without a network: `make run` must not need either any longer.
#   sudo tests/bare-debian.sh [--check] [--keep]
# Needs root, debootstrap, git, curl, iproute2 and util-linux here, and a mirror in this machine's own apt sources.
#   WORK  folder for the root and the package cache (default build/bare; about 4 GB)
# Everything runs in mount and process namespaces of its own: nothing stays mounted or running.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
WORK=$(realpath -m "${WORK:-build/bare}")
root=$WORK/root
HTTP_PORT=${HTTP_PORT:-18080}
HTTPS_PORT=${HTTPS_PORT:-18443}
MEDIA_PORTS=${MEDIA_PORTS:-24000-24999}
suite=bookworm
with_check=no
keep=no
for option in "$@"; do
    case "$option" in
    --check) with_check=yes ;;
    --keep) keep=yes ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
[ "$(id -u)" -eq 0 ] || { echo "bare-debian: needs root, for debootstrap and chroot" >&2; exit 2; }
if [ -z "${BARE_INSIDE:-}" ]; then
    BARE_INSIDE=yes exec unshare --mount --pid --fork --kill-child --mount-proc "$repository/tests/bare-debian.sh" "$@"
fi
started=$SECONDS
say() { printf '==== %4d s  %s\n' $((SECONDS - started)) "$*"; }
fail() {
    say "FAILED: $*"
    tail -60 "$WORK"/*.log 2>/dev/null || true
    exit 1
}

# The first Debian mirror that this machine itself uses.
mirror() {
    {
        sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
        sed -n -E 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' \
            /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true
    } | tr ' ' '\n' | grep -E '/debian/?$' | head -1
}

make_root() {
    local site
    site=$(mirror)
    [ -n "$site" ] || fail "no Debian mirror in this machine's apt sources"
    mkdir -p "$WORK/archives"
    rm -rf "$root"
    if [ ! -e "$WORK/base.tar" ]; then
        debootstrap --variant=minbase "$suite" "$root" "$site" >"$WORK/debootstrap.log" 2>&1 || fail debootstrap
        tar -C "$root" -cf "$WORK/base.tar" .
    else
        mkdir -p "$root"
        tar -C "$root" -xf "$WORK/base.tar"
    fi
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mount --bind "$WORK/archives" "$root/var/cache/apt/archives"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf 'deb %s %s main\ndeb %s %s-updates main\n' "$site" "$suite" "$site" "$suite" >"$root/etc/apt/sources.list"
    echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' >"$root/etc/apt/apt.conf.d/keep"
    # A machine behind a proxy with a certificate authority of its own hands both on.
    cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
    mkdir -p "$root/usr/local/share/ca-certificates"
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
}

# What any installed Debian has and minbase has not: sudo, certificates, a user.
make_user() {
    chroot "$root" bash -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
        --no-install-recommends sudo ca-certificates && update-ca-certificates && useradd -m -s /bin/bash user' \
        >"$WORK/user.log" 2>&1 || fail "a user with sudo"
    echo 'user ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/user"
    git -c safe.directory='*' clone -q --no-hardlinks "$repository" "$root/home/user/diemcau"
    chroot "$root" chown -R user: /home/user/diemcau
}

as_user() { # a login as a person has it: no variables of this shell but those for a proxy's certificates
    chroot "$root" sudo -u user env -i HOME=/home/user USER=user LANG=C.UTF-8 \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin CI="${CI:-}" \
        NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm_config_cafile=/etc/ssl/certs/ca-certificates.crt \
        bash -c "cd ~/diemcau && $*"
}

# "make run" until it serves, then Ctrl-C, as the terminal would send it: to the whole process group.
run_and_stop() { # LOG SECONDS
    local log=$1 limit=$2 waited=0 pid rc=0 answer
    set -m
    as_user "exec make run HTTP_PORT=$HTTP_PORT HTTPS_PORT=$HTTPS_PORT MEDIA_PORTS=$MEDIA_PORTS" \
        >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    until curl -fsS -o "$WORK/healthz" "http://127.0.0.1:$HTTP_PORT/healthz" 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || fail "make run ended early: $log"
        [ "$waited" -lt "$limit" ] || fail "make run does not serve after $limit s: $log"
        sleep 1
        waited=$((waited + 1))
    done
    say "serves after $waited s: healthz says $(head -c 200 "$WORK/healthz")"
    until answer=$(curl -fsS "http://127.0.0.1:$HTTP_PORT/readyz" 2>/dev/null); do
        [ "$waited" -lt "$limit" ] || fail "never ready: $(curl -sS "http://127.0.0.1:$HTTP_PORT/readyz")"
        sleep 1
        waited=$((waited + 1))
    done
    say "readyz says $(head -c 300 <<<"$answer")"
    curl -fsS "http://127.0.0.1:$HTTP_PORT/" | grep -qi '<html' || fail "no page at /"
    curl -fsSk "https://127.0.0.1:$HTTPS_PORT/healthz" >/dev/null || fail "no HTTPS"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if grep -q "http://localhost:$HTTP_PORT/" "$log"; then break; fi
        sleep 1
    done
    grep -E 'https?://' "$log" || fail "no links printed: $log"
    kill -INT -- "-$pid"
    for _ in $(seq 15); do
        if ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 1
    done
    if kill -0 "$pid" 2>/dev/null; then fail "still running 15 s after Ctrl-C"; fi
    wait "$pid" || rc=$?
    say "stopped by Ctrl-C, exit $rc"
}

say "a bare $suite"
make_root
say "a user"
make_user
say "sudo apt-get install -y make"
as_user "sudo apt-get update -q && sudo apt-get install -y make" >"$WORK/make.log" 2>&1 || fail "make"
say "make run"
run_and_stop "$WORK/run-1.log" 900
if [ "$with_check" = yes ]; then
    say "make check"
    as_user "make check" >"$WORK/check.log" 2>&1 || fail "make check"
    tail -1 "$WORK/check.log"
fi
say "make run again, without sudo and without a network"
rm "$root/etc/sudoers.d/user"
export -f run_and_stop as_user say fail
export root WORK HTTP_PORT HTTPS_PORT MEDIA_PORTS started
unshare --net bash -euo pipefail -c "ip link set lo up && run_and_stop '$WORK/run-2.log' 60"
say "done"
if [ "$keep" = no ]; then
    umount -R "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/var/cache/apt/archives" && umount "$root" &&
        rm -rf --one-file-system "$root"
fi
