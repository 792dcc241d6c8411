#!/usr/bin/env bash
# Puts the built product under DESTDIR and PREFIX.  Keeps a diemcau.conf that is there already.
#   BIN DESTDIR PREFIX BUILD as the Makefile gives them; ETC and UNITS for the system's own folders
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-build/release/bin}
BUILD=${BUILD:-build}
DESTDIR=${DESTDIR:-}
PREFIX=${PREFIX:-/usr/local}
ETC=${ETC:-/etc/diemcau}
UNITS=${UNITS:-$([ "$PREFIX" = /usr ] && echo /lib/systemd/system || echo "$PREFIX/lib/systemd/system")}
share=$DESTDIR$PREFIX/share/diemcau

install -d "$DESTDIR$PREFIX/bin" "$share" "$DESTDIR$PREFIX/share/doc/diemcau" "$DESTDIR$ETC" "$DESTDIR$UNITS" \
    "$DESTDIR$PREFIX/lib/sysusers.d"
for program in diemcau diemcau-bridge diemcau-sim; do
    install -m 755 "$BIN/$program" "$DESTDIR$PREFIX/bin/$program"
    strip --strip-debug "$DESTDIR$PREFIX/bin/$program"
done
rm -rf "$share/web"
cp -R "$BUILD/web" "$share/web"
install -D -m 644 -t "$share/roster" config/roster/*.csv
install -m 644 LICENSE README.md docs/*.md "$DESTDIR$PREFIX/share/doc/diemcau/"
sed "s|@PREFIX@|$PREFIX|g" config/systemd/diemcau.service >"$DESTDIR$UNITS/diemcau.service"
install -m 644 config/systemd/diemcau.sysusers "$DESTDIR$PREFIX/lib/sysusers.d/diemcau.conf"

# The sample file is what the program itself prints: every key with its sentence, range and default.
"$BIN/diemcau" --print-settings --set "http.web_root=$PREFIX/share/diemcau/web" >"$DESTDIR$ETC/diemcau.conf.sample"
if [ ! -e "$DESTDIR$ETC/diemcau.conf" ]; then
    printf '# See diemcau.conf.sample for every key.\nhttp.web_root = %s\n' "$PREFIX/share/diemcau/web" \
        >"$DESTDIR$ETC/diemcau.conf"
fi
