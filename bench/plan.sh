#!/usr/bin/env bash
# Planning beside Paimon's Java planner: bench/plan.sh DIR. Makes tables of
# 1,000, 10,000 and 100,000 data files (that do not exist) in DIR, and prints
# the best wall and CPU milliseconds of a plan, warm, without and with a
# cache of metadata. The class path is that of test/interop/oracle.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:?usage: bench/plan.sh DIR}
mkdir -p "$dir/lake" "$dir/classes"
make -s -C storage BUILD="$dir/build" SAN= OPT="-O2 -Wno-error" all
gcc -std=c11 -O2 -D_GNU_SOURCE -o "$dir/bench_plan" bench/bench_plan.c \
	"$dir/build/libpmn.a" -lcjson -lzstd -llz4 -lsnappy -lz -lroaring -ldl -lm
path=$(cat "${ORACLE:-test/interop/oracle}/target/cp.txt")
javac -nowarn -cp "$path" -d "$dir/classes" bench/java/PaimonBench.java
for files in 1000 10000 100000; do
	[ -d "$dir/lake/db.db/t$files" ] ||
		"$dir/bench_plan" make "$dir/lake" $files
	echo "# $files files, ours"
	"$dir/bench_plan" run "$dir/lake" $files
	echo "# $files files, Java"
	for filter in "all x" "partition p0500" "file $((files / 2 * 1000 + 7))"; do
		java -Xmx6g --add-opens java.base/java.nio=ALL-UNNAMED \
			-cp "$dir/classes:$path" PaimonBench "$dir/lake" db.t$files plan \
			$filter 20 2>/dev/null |
			awk -v name="${filter% *}" '
				function least(a, b) { return a == "" || b < a ? b : a }
				NR > 10 && NR <= 20 { w = least(w, $1); c = least(c, $2) }
				NR > 25 { v = least(v, $1); d = least(d, $2) }
				END { printf "%s cold wall %.1f cpu %.1f\n%s cached wall %.1f cpu %.1f files %s\n",
					name, w * 1e3, c * 1e3, name, v * 1e3, d * 1e3, $3 }'
	done
done
