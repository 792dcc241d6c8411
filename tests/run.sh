#!/usr/bin/env bash
# Runs the named suites (unit, fuzz-replay, protocol, e2e), counts their named cases and prints, last,
# "N passed, N failed".  Fails when a case fails, a program dies, or nothing ran.
# Every program of a suite speaks TAP ("ok 1 - name", "not ok 2 - name"); its output is kept in OUT/tests/*.tap.
#   OUT   the build folder of the test programs
#   BIN   the folder of the programs under test
#   ONLY  run only test programs whose name contains this
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
OUT=${OUT:-build/debug}
export BIN=${BIN:-build/release/bin}
export CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:fast_unwind_on_malloc=0} G_DEBUG=${G_DEBUG:-fatal-criticals}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.supp:print_suppressions=0}
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$PWD/tests/tsan.supp}
mkdir -p "$OUT/tests"
passed=0
failed=0

# run_one NAME SECONDS COMMAND...: counts leaf lines; a program that dies, or tells of no case, is one failure.
run_one() {
    local name=$1 seconds=$2 tap="$OUT/tests/$1.tap" log="$OUT/tests/$1.log" started=$SECONDS rc=0 ok not_ok
    shift 2
    if [ -n "${ONLY:-}" ] && [[ "$name" != *"$ONLY"* ]]; then return; fi
    timeout -k 10 "$seconds" "$@" >"$tap" 2>"$log" </dev/null || rc=$?
    if grep -q '^# pass [0-9]' "$tap"; then # node's reporter sums nested cases itself
        ok=$(sed -n 's/^# pass \([0-9]*\).*/\1/p' "$tap" | tail -1)
        not_ok=$(sed -n -e 's/^# fail \([0-9]*\).*/\1/p' -e 's/^# cancelled \([0-9]*\).*/\1/p' "$tap" |
            tail -2 | awk '{ n += $1 } END { print n + 0 }')
    else
        ok=$(grep -c '^ok' "$tap")
        not_ok=$(grep -c '^not ok' "$tap")
    fi
    if [ "$rc" -ne 0 ] && [ "$not_ok" -eq 0 ] || [ $((ok + not_ok)) -eq 0 ]; then
        not_ok=$((not_ok + 1))
        if [ "$rc" -eq 124 ]; then echo "$name: not finished after $seconds s" >>"$log"; fi
    fi
    passed=$((passed + ok))
    failed=$((failed + not_ok))
    printf '  %-34s %4d passed %3d failed %4d s\n' "$name" "$ok" "$not_ok" $((SECONDS - started))
    if [ "$not_ok" -gt 0 ]; then
        echo "---- $name (exit $rc): $* ----"
        grep -A 25 'not ok' "$tap" | head -80
        echo "---- last lines of $log ----"
        tail -60 "$log"
    fi
}

suite_unit() {
    local source
    for source in tests/unit/test_*.c; do
        [ -e "$source" ] || continue
        source=$(basename "$source" .c)
        run_one "$source" 180 "$OUT/tests/unit/$source"
    done
    for source in tests/unit/test_*.sh; do
        [ -e "$source" ] || continue
        run_one "$(basename "$source" .sh)" 180 "$source"
    done
    node_suite tests/unit 60
    if [ -e signaling/web/tests/run.mjs ]; then run_one web 60 node signaling/web/tests/run.mjs; fi
}

suite_fuzz-replay() {
    local source door
    for source in tests/fuzz/fuzz_*.c; do
        [ -e "$source" ] || continue
        door=$(basename "$source" .c)
        run_one "$door" 120 "$OUT/tests/fuzz/$door" "tests/fuzz/corpus/${door#fuzz_}"
    done
}

# A node test file has the whole of its folder's tools; --test-reporter is spelled out: the default differs.
node_suite() {
    local folder=$1 seconds=$2 file
    for file in "$folder"/*.test.mjs; do
        [ -e "$file" ] || continue
        run_one "$(basename "$folder")-$(basename "$file" .test.mjs)" "$seconds" \
            node --test --test-reporter=tap "$file"
    done
}

suite_protocol() {
    local source
    for source in tests/protocol/test_*.c; do
        [ -e "$source" ] || continue
        source=$(basename "$source" .c)
        run_one "$source" 180 "$OUT/tests/protocol/$source"
    done
    for source in tests/protocol/test_*.sh; do
        [ -e "$source" ] || continue
        run_one "$(basename "$source" .sh)" 180 "$source"
    done
    node_suite tests/protocol 240
}

suite_e2e() { node_suite tests/e2e 420; }

for suite in "$@"; do
    echo "$suite"
    "suite_$suite"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
