#!/usr/bin/env bash
# Fuzzes every door (or DOOR) for SECONDS_EACH seconds; what crashes is kept in build/fuzz/crashes/<door>/ and
# belongs, made small, into tests/fuzz/corpus/.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
OUT=${OUT:-build/fuzz}
failed=0
for source in tests/fuzz/${DOOR:-fuzz_*}.c; do
    [ -e "$source" ] || continue
    door=$(basename "$source" .c)
    seeds=tests/fuzz/corpus/${door#fuzz_}
    found=$OUT/corpus/$door
    crashes=$OUT/crashes/$door
    mkdir -p "$found" "$crashes"
    echo "==== $door, ${SECONDS_EACH:-60} s"
    folders=("$found")
    if [ -d "$seeds" ]; then folders+=("$seeds"); fi
    if ! "$OUT/tests/fuzz/$door" -max_total_time="${SECONDS_EACH:-60}" -max_len=4096 -timeout=5 \
        -rss_limit_mb=1024 -artifact_prefix="$crashes/" -print_final_stats=1 "${folders[@]}" 2>"$OUT/$door.log"; then
        failed=$((failed + 1))
        tail -40 "$OUT/$door.log"
    fi
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|new_units_added)' "$OUT/$door.log"
done
echo "$failed doors crashed"
[ "$failed" -eq 0 ]
