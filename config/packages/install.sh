#!/usr/bin/env bash
# Installs the Debian packages of the lists named on the command line (run, build, test, lint), those only that
# are missing, and asks for root only then.  With everything there it neither needs root nor the network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

have_node18() {
    command -v npm >/dev/null && command -v node >/dev/null &&
        node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'
}

# A package that only some releases have.
known() { apt-cache show "$1" >/dev/null 2>&1; }

wanted=()
for list in "$@"; do
    while read -r package condition; do
        case "$condition" in
            "if node18") if have_node18; then continue; fi ;;
            "if known") if ! known "$package"; then continue; fi ;;
        esac
        wanted+=("$package")
    done < <(sed 's/[[:space:]]*#.*//' "$here/$list.txt" | grep -v '^[[:space:]]*$' || true)
done

if ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system: please install what corresponds to: ${wanted[*]}" >&2
    exit 0
fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' 2>/dev/null |
    sed -n 's/^installed \([^:]*\).*/\1/p')
missing=()
for package in "${wanted[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Missing packages, and neither root nor sudo here. As root, please run:" >&2
        echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
