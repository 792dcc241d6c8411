#!/usr/bin/env bash
# layers.sh must refuse each kind of offence, and nothing else.  TAP on standard output.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
git init -q .
mkdir -p tests
cp "$repository/tests/layers.sh" tests/
failed=0

try() { # NAME EXPECTED FILE LINE: EXPECTED is "clean" or a part of the refusal
    local name=$1 expected=$2 file=$3 line=$4 said
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$line" >"$file"
    said=$(OUT=build tests/layers.sh 2>&1 || true)
    rm "$file"
    if { [ "$expected" = clean ] && [ -z "$said" ]; } ||
        { [ "$expected" != clean ] && grep -qF -- "$expected" <<<"$said"; }; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        printf '%s\n' "$said" | sed 's/^/# /'
        failed=1
    fi
}

try "own layer"                clean  bridge/wire/rtp.c       '#include "bridge/wire/rtp.h"'
try "a lower layer"            clean  bridge/media/canvas.c   '#include "bridge/policy/layout.h"'
try "a higher layer"           'is not below bridge/wire'    bridge/wire/rtp.c  '#include "bridge/media/canvas.h"'
try "a sibling, not below"     'is not below bridge/wire'    bridge/wire/rtp.c  '#include "bridge/policy/layout.h"'
try "server and bridge apart"  'is not below signaling'      signaling/meeting.c '#include "bridge/wire/rtp.h"'
try "bridge and server apart"  'is not below bridge'         bridge/main.c       '#include "signaling/store.h"'
try "a part of signaling"      clean  signaling/store.c       '#include "signaling/meeting/meeting.h"'
try "a space before include"   'is not below config'         config/log.c        ' #  include "bridge/wire/rtp.h"'
try "nice in ice.c"            clean  bridge/transport/ice.c  '#include <nice/agent.h>'
try "nice elsewhere"           'includes <nice/agent.h>'     bridge/transport/dtls.c '#include <nice/agent.h>'
try "GStreamer in transport"   'includes <gst/gst.h>'        bridge/transport/ice.c  '#include <gst/gst.h>'
try "SQLite in the store"      clean  signaling/store_rows.c  '#include <sqlite3.h>'
try "SQLite elsewhere"         'includes <sqlite3.h>'        signaling/roster.c  '#include <sqlite3.h>'
try "memcmp of a secret"       'needs secret_equal()'        signaling/auth.c    'int x = memcmp(a, b, 16);'
try "memcmp of something public" clean signaling/auth.c       'int x = memcmp(a, b, 16); /* public */'

# A call into a higher layer, declared by hand, is found in the archives.
mkdir -p build/lib
printf 'int canvas_new(void);\nint rtp(void);\nint rtp(void) { return canvas_new(); }\n' >low.c
printf 'int canvas_new(void);\nint canvas_new(void) { return 0; }\n' >high.c
gcc -c low.c high.c
ar rc build/lib/libwire.a low.o
ar rc build/lib/libmedia.a high.o
rm low.c high.c
mkdir -p bridge/wire
try "a call upward"            'bridge/wire calls canvas_new() of bridge/media' bridge/wire/rtp.c 'int x;'
exit "$failed"
