#!/usr/bin/env bash
# The demo roster: the committed file is what its script writes, and it counts right.  TAP on standard output.
set -uo pipefail
cd "$(dirname "$0")/../../config/roster" || exit 2
file=quang-ninh-2019.csv
failed=0
expect() { # NAME EXPECTED FOUND
    if [ "$2" = "$3" ]; then echo "ok - $1"; else
        echo "not ok - $1"
        echo "# expected $2, found $3"
        failed=1
    fi
}
rows() { tail -n +2 "$file"; }
expect "made by its script" "$(./quang-ninh-2019.sh | sha256sum)" "$(sha256sum <"$file")"
expect "columns" "code,name,type,district,group,phone,technician,technician_phone,note" "$(head -1 "$file")"
expect "rows" 201 "$(rows | wc -l)"
expect "codes are unique" 201 "$(rows | cut -d, -f1 | sort -u | wc -l)"
expect "districts" 14 "$(rows | grep -c ',Cấp huyện,')"
expect "communes" 186 "$(rows | grep -c ',Cấp xã,')"
expect "the hall comes first" "QN-000" "$(rows | head -1 | cut -d, -f1)"
expect "telephone numbers cannot be real" 0 "$(rows | cut -d, -f6,8 | tr , '\n' | grep -vc '^0203 00[01] [0-9]\{4\}$')"
expect "Bắc Sơn, two types in two districts" 2 "$(rows | grep -c ',Bắc Sơn,')"
expect "Đầm Hà: district, township and commune" 3 "$(rows | grep -c ',Đầm Hà,')"
exit "$failed"
