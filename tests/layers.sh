#!/usr/bin/env bash
# Refuses what goes against the order of layers: an #include of a higher layer, the header of a library in a
# file that should not know it, and (in the archives of OUT=build/debug, where built) a call into a higher layer.
# Prints one line per offence and fails if there is any.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-build/debug}
n_bad=0
refuse() {
    echo "layers: $*"
    n_bad=$((n_bad + 1))
}

# folder, then the folders below it, whose headers it may include besides its own
layers='
config
bridge/wire       config
bridge/policy     config bridge/wire
bridge/transport  config bridge/wire bridge/policy
bridge/media      config bridge/wire bridge/policy bridge/transport
bridge/meeting    config bridge/wire bridge/policy bridge/transport bridge/media
bridge            config bridge/wire bridge/policy bridge/transport bridge/media bridge/meeting
signaling         config
tests/load        config bridge/wire bridge/policy bridge/transport
'

# header of a library, files that may include it (both patterns)
libraries='
^(nice/|agent\.h)                  ^bridge/transport/ice[a-z_]*\.[ch]$
^openssl/                          ^(bridge/transport/(dtls|srtp_sealer)|signaling/tls|bridge/sandbox)[a-z_]*\.[ch]$
^srtp2/                            ^tests/unit/test_transport_interop\.c$
^gst/                              ^(bridge/media|bridge)/[a-z0-9_]+\.[ch]$
^libwebsockets\.h                  ^(signaling/server[a-z_]*|tests/load/ws_client)\.[ch]$
^sqlite3\.h                        ^signaling/store[a-z_]*\.[ch]$
^opus/                             ^(bridge/media|tests/load)/
^vpx/                              ^tests/load/
^libyuv                            ^(bridge/media|tests/load)/
^(pango|cairo)                     ^(bridge/media|bridge/sandbox|tests/load)
^jansson\.h                        ^(config|bridge/meeting|signaling|tests/load)/
^sodium\.h                         ^signaling/
^qrencode\.h                       ^signaling/
^(seccomp|linux/seccomp|linux/landlock)  ^bridge/sandbox[a-z_]*\.[ch]$
'

sources() { # a folder of the patterns may not be there yet, a file of the index may just have been removed
    git ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null | sort -u |
        while read -r file; do if [ -e "$file" ]; then echo "$file"; fi; done
}

# "file header" for every include of the kind: '"' for our own, '<' for a library's
includes() {
    local open=$1 close=$2
    shift 2
    sources "$@" | xargs -r grep -HoE "^[[:space:]]*#[[:space:]]*include[[:space:]]+${open}[^${close}]+" |
        sed -E "s/:[[:space:]]*#[[:space:]]*include[[:space:]]+${open}/ /"
}

folder_of() { # signaling keeps its parts as one layer; in bridge/ every folder is one
    case "$1" in
    signaling/*) echo signaling ;;
    *) dirname "$1" ;;
    esac
}

check_own_headers() {
    local folder below file header
    while read -r folder below; do
        [ -n "$folder" ] || continue
        while read -r file header; do
            [ "$(folder_of "$file")" = "$folder" ] || continue
            case " $folder $below " in
            *" $(folder_of "$header") "*) ;;
            *) refuse "$file includes \"$header\", which is not below $folder" ;;
            esac
        done < <(includes '"' '"' "$folder/*.[ch]" || true)
    done <<<"$layers"
}

check_library_headers() {
    local pattern where file header
    while read -r file header; do
        while read -r pattern where; do
            if [ -n "$pattern" ] && [[ $header =~ $pattern ]] && [[ ! $file =~ $where ]]; then
                refuse "$file includes <$header>, which is for $where"
            fi
        done <<<"$libraries"
    done < <(includes '<' '>' 'config/*.[ch]' 'bridge/*.[ch]' 'signaling/*.[ch]' 'tests/load/*.[ch]' || true)
}

archive_of() {
    case "$1" in
    tests/load) echo "$OUT/lib/libsim.a" ;;
    *) echo "$OUT/lib/lib${1##*/}.a" ;;
    esac
}

# A function that is declared by hand needs no header: what an archive wants must be found below it.
check_calls() {
    local folder below other symbol
    while read -r folder below; do
        if [ -z "$folder" ] || [ ! -e "$(archive_of "$folder")" ]; then continue; fi
        while read -r other _; do
            case " $folder $below " in *" $other "*) continue ;; esac
            if [ -z "$other" ] || [ ! -e "$(archive_of "$other")" ]; then continue; fi
            while read -r symbol; do
                refuse "$folder calls $symbol() of $other, which is not below it"
            done < <(comm -12 \
                <(nm -u "$(archive_of "$folder")" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u) \
                <(nm --defined-only -g "$(archive_of "$other")" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u))
        done <<<"$layers"
    done <<<"$layers"
}

# Secrets are compared in constant time (secret_equal); a memcmp of something public says so on its line.
check_memcmp() {
    local line
    while read -r line; do
        refuse "$line: memcmp here needs secret_equal(), or the comment /* public */"
    done < <(sources 'bridge/transport/*.c' 'signaling/auth*.c' |
        xargs -r grep -nE '\bmemcmp *\(' | grep -v '/\* public' | cut -d: -f1,2 || true)
}

check_own_headers
check_library_headers
check_calls
check_memcmp
[ "$n_bad" -eq 0 ]
