#!/usr/bin/env bash
# All that can be said of the code without running it.  One table at the end; fails if any part failed.
#   tests/lint.sh                       everything
#   tests/lint.sh format tidy           these parts only
#   FILES="bridge/wire/rtp.c" tests/lint.sh format tidy cppcheck    these files only
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
BUILD=${BUILD:-build}
JOBS=${JOBS:-$(nproc)}
mkdir -p "$BUILD/lint"
WEB=signaling/web

c_files() { # every .c and .h that exists and git does not ignore, or those of FILES
    if [ -n "${FILES:-}" ]; then
        tr ' ' '\n' <<<"$FILES"
    else
        git ls-files --cached --others --exclude-standard -- '*.c' '*.h' | sort -u | while read -r file; do
            if [ -e "$file" ]; then echo "$file"; fi
        done
    fi
}

part_layers() { tests/layers.sh; }

part_format() { c_files | xargs -r clang-format --dry-run -Werror; }

# One clang-tidy per file; what was clean and has not changed since (nor any header) is not looked at again.
part_tidy() {
    local packages='glib-2.0 gio-2.0 gio-unix-2.0 jansson nice openssl libsrtp2 opus vpx pangocairo libwebsockets
        sqlite3 libsodium libqrencode libseccomp cmocka gstreamer-app-1.0 gstreamer-video-1.0 gstreamer-audio-1.0'
    local flags newest
    # shellcheck disable=SC2086
    flags=$(pkg-config --cflags $packages | sed 's/-I/-isystem /g') || return 1
    newest=$({ c_files | grep '\.h$'; echo .clang-tidy; } | xargs ls -t | head -1)
    # shellcheck disable=SC2016
    c_files | grep '\.c$' | FLAGS="$flags" NEWEST="$newest" STAMPS="$BUILD/lint" xargs -r -P "$JOBS" -I{} bash -c '
        stamp=$STAMPS/$(tr / _ <<<"{}").ok
        if [ "$stamp" -nt "{}" ] && [ "$stamp" -nt "$NEWEST" ]; then exit 0; fi
        rm -f "$stamp"
        if clang-tidy --quiet "{}" -- -std=c17 -I. -D_GNU_SOURCE -DDIEMCAU_VERSION=\"lint\" -DG_LOG_DOMAIN=\"lint\" \
            $FLAGS >"$stamp.txt" 2>/dev/null; then touch "$stamp"; else cat "$stamp.txt"; exit 1; fi'
}

# Not the fuzz doors: g_assert_cmpstr(a, ==, b) is no C to it, and clang looks at them.
part_cppcheck() {
    # shellcheck disable=SC2046
    cppcheck --quiet -j "$JOBS" --std=c11 --language=c -I. --error-exitcode=1 --inline-suppr \
        --enable=warning,performance,portability --suppressions-list=tests/cppcheck.supp \
        --template='{file}:{line}: {severity}: {message} [{id}]' $(c_files | grep '\.c$' | grep -v '^tests/fuzz/')
}

part_shellcheck() {
    { git ls-files --cached --others --exclude-standard -- '*.sh'; echo .ci/run; } | sort -u | xargs -r shellcheck -x
}

# Long files hide a second noun, and promises belong in the issues.
part_size() {
    local bad=0 file lines
    while read -r file; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt 700 ]; then
            echo "$file: $lines lines, more than 700: which two nouns live here?"
            bad=1
        fi
    done < <(git ls-files --cached --others --exclude-standard -- '*.c' '*.h' '*.ts' '*.tsx' '*.sh' | sort -u)
    if git grep -nIE --untracked '\b(TODO|FIXME|XXX|HACK)\b' -- '*.c' '*.h' '*.ts' '*.tsx' Makefile '*.mk'; then
        echo "a promise in the code: keep it now, or write an issue"
        bad=1
    fi
    return "$bad"
}

part_web() {
    if [ ! -e "$WEB/package.json" ]; then return 0; fi
    make --no-print-directory "$WEB/node_modules/.stamp" && (cd "$WEB" && npm run --silent lint)
}

parts=("$@")
if [ ${#parts[@]} -eq 0 ]; then parts=(layers size format shellcheck cppcheck tidy web); fi
failed=0
table=
for part in "${parts[@]}"; do
    started=$SECONDS
    verdict=ok
    "part_$part" || { verdict=FAILED && failed=$((failed + 1)); }
    table+=$(printf '  %-12s %-7s %4d s' "$part" "$verdict" $((SECONDS - started)))$'\n'
done
printf 'lint\n%s' "$table"
[ "$failed" -eq 0 ]
