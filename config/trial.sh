#!/usr/bin/env bash
# Starts the server for trying it out (make run); with --demo also the simulator, which joins every room of the
# roster (make demo).  Ctrl-C stops all.  Variables: BIN DATA HTTPS_PORT HTTP_PORT MEDIA_PORTS LOG_LEVEL, and SERVE_ARGS,
# SIM_ARGS for more options of the two programs.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=$(realpath "${BIN:-build/release/bin}")
DATA=${DATA:-./var}
HTTPS_PORT=${HTTPS_PORT:-8443}
HTTP_PORT=${HTTP_PORT:-8080}
MEDIA_PORTS=${MEDIA_PORTS:-20000-20999}

if [[ ! $MEDIA_PORTS =~ ^([0-9]+)-([0-9]+)$ ]]; then
    echo "MEDIA_PORTS=$MEDIA_PORTS is not of the form 20000-20999" >&2
    exit 2
fi
serve=("$BIN/diemcau" serve --data "$DATA" --trial
    --set "http.https_port=$HTTPS_PORT" --set "http.port=$HTTP_PORT"
    --set "log.level=${LOG_LEVEL:-warn}" --set "media.port_min=${BASH_REMATCH[1]}" --set "media.port_max=${BASH_REMATCH[2]}"
    --set "trial.roster=$PWD/config/roster/quang-ninh-2019.csv" --set "http.web_root=$PWD/build/web")
# shellcheck disable=SC2206 # the options are words on purpose
serve+=(${SERVE_ARGS:-})

if [ "${1:-}" != --demo ]; then
    exec "${serve[@]}"
fi

server_pid=
sim_pid=
stop_all() {
    trap '' INT TERM
    if [ -n "$sim_pid" ]; then kill -TERM "$sim_pid" 2>/dev/null || true; fi
    if [ -n "$server_pid" ]; then kill -TERM "$server_pid" 2>/dev/null || true; fi
    wait
}
# From Ctrl-C on nothing is an error; the trap on EXIT does the stopping in every case.
trap stop_all EXIT
trap 'exit 0' INT TERM

"${serve[@]}" &
server_pid=$!

ready() {
    local line=
    exec 3<>"/dev/tcp/127.0.0.1/$HTTP_PORT" || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$HTTP_PORT" >&3
    read -r -t 2 line <&3 || true
    exec 3>&-
    [[ $line == *" 200 "* ]]
}
for _ in $(seq 150); do
    if (ready) 2>/dev/null; then break; fi
    if ! kill -0 "$server_pid" 2>/dev/null; then
        rc=0
        wait "$server_pid" || rc=$?
        server_pid=
        exit "$rc"
    fi
    sleep 0.2
done

# shellcheck disable=SC2086
"$BIN/diemcau-sim" --http "http://127.0.0.1:$HTTP_PORT" --data "$DATA" --all ${SIM_ARGS:-} &
sim_pid=$!
# The demo lasts as long as its server; the simulator's end is told but not followed.
sim_rc=0
wait "$sim_pid" || sim_rc=$?
sim_pid=
echo "simulator ended with code $sim_rc; the server goes on (Ctrl-C stops it)" >&2
wait "$server_pid"
