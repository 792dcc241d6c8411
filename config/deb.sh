#!/usr/bin/env bash
# Makes build/diemcau_VERSION_ARCH.deb of what config/install.sh installs.  The libraries it depends on are asked
# of the programs themselves (ldd), so the package fits the release that it was built on.
#   VERSION BIN BUILD as the Makefile gives them
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
BIN=${BIN:-build/release/bin}
arch=$(dpkg --print-architecture)
root=$BUILD/deb/root
out=$BUILD/diemcau_${VERSION}_$arch.deb

rm -rf "$root"
mkdir -p "$root/DEBIAN"
BIN=$BIN BUILD=$BUILD DESTDIR=$root PREFIX=/usr config/install.sh

package_of() { # a library's package, by whichever of its two names dpkg knows (/lib is a link to /usr/lib)
    dpkg-query -S "$1" 2>/dev/null || dpkg-query -S "/usr$1" 2>/dev/null || dpkg-query -S "$(realpath "$1")" 2>/dev/null
}
libraries=$(for program in "$BIN"/diemcau*; do objdump -p "$program" | awk '/NEEDED/ { print $2 }'; done | sort -u)
depends=$(for library in $libraries; do
    path=$(ldd "$BIN"/diemcau* | awk -v l="$library" '$1 == l { print $3; exit }')
    if [ -n "$path" ]; then package_of "$path" | sed 's/:.*//; q'; fi
done | sort -u)
depends+=$'\n'$(sed 's/[[:space:]]*#.*//; /^[[:space:]]*$/d; s/[[:space:]].*//' config/packages/run.txt)

cat >"$root/DEBIAN/control" <<CONTROL
Package: diemcau
Version: $VERSION
Architecture: $arch
Maintainer: Điểm Cầu maintainers <maintainers@localhost>
Section: video
Priority: optional
Depends: $(sort -u <<<"$depends" | grep -v '^$' | paste -sd, | sed 's/,/, /g')
Suggests: gstreamer1.0-plugins-ugly
Installed-Size: $(du -sk "$root" | cut -f1)
Description: videoconference bridge and session manager for provinces
 One meeting of more than 200 rooms, chaired from a console: pages for rooms,
 chair and technician, composed pictures and mixed sound from one machine.
CONTROL
echo /etc/diemcau/diemcau.conf >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemd-sysusers diemcau.conf
    systemctl daemon-reload
    if [ -n "$2" ]; then systemctl try-restart diemcau.service; fi
elif ! getent passwd diemcau >/dev/null; then
    groupadd --system diemcau
    useradd --system --gid diemcau --home-dir /var/lib/diemcau --shell /usr/sbin/nologin diemcau
fi
install -d -o diemcau -g diemcau -m 750 /var/lib/diemcau
POSTINST
cat >"$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl stop diemcau.service || true; fi
PRERM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
dpkg-deb --root-owner-group --build "$root" "$out" >/dev/null
echo "$out"
