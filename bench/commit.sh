#!/usr/bin/env bash
# Small commits beside the size of the table: bench/commit.sh DIR. 300 INSERTs
# of one row, a transaction each, into a keyed table of 4 buckets and 100
# partitions: one that is empty, and one that has 10,000 data files (which
# do not exist). Prints milliseconds of a commit, wall and CPU of the backend.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:?usage: bench/commit.sh DIR}
mkdir -p "$dir/lake"
make -s -C storage BUILD="$dir/build" SAN= OPT="-O2 -Wno-error" all
gcc -std=c11 -O2 -D_GNU_SOURCE -o "$dir/bench_plan" bench/bench_plan.c \
	"$dir/build/libpmn.a" -lcjson -lzstd -llz4 -lsnappy -lz -lroaring -ldl -lm
. tools/server.sh
trap 'server_stop "$dir/server"' EXIT
server_start "$dir/server" "${SETTINGS:-}"
psql -qX -c "DROP EXTENSION IF EXISTS paimon_fdw CASCADE" \
	-c "CREATE EXTENSION paimon_fdw" 2>/dev/null

# What the backend has used so far: nanoseconds, and CPU ticks of 10 ms.
note='\! awk -v now=$(date +%s%N) '"'"'{ print now, $14 + $15 }'"'"' /proc/$PID/stat'
for files in 0 10000; do
	lake=$dir/lake/$files
	rm -rf "$lake"
	mkdir -p "$lake"
	"$dir/bench_plan" keyed "$lake" $files
	chown -R "$(server_user)" "$lake"
	{
		echo "\\set ON_ERROR_STOP 1"
		cat <<-SQL
			DROP SCHEMA IF EXISTS bench CASCADE;
			CREATE SCHEMA bench;
			CREATE SERVER lake_$files FOREIGN DATA WRAPPER paimon_fdw
				OPTIONS (warehouse '$lake');
			IMPORT FOREIGN SCHEMA db FROM SERVER lake_$files INTO bench;
			SELECT pg_backend_pid() AS pid \\gset
			\\setenv PID :pid
		SQL
		for i in $(seq -9 300); do
			[ "$i" != 1 ] || echo "$note"
			echo "INSERT INTO bench.k$files VALUES ('p00$((10 + (i + 10) * 7 % 90))', $i, 1, 'x');"
		done
		echo "$note"
	} | PGOPTIONS="-c client_min_messages=warning" psql -qXAt |
		awk -v files=$files '
			NR == 1 { wall = $1; cpu = $2 }
			NR == 2 { printf "%5d files: wall %.1f ms, CPU %.1f ms a commit\n",
				files, ($1 - wall) / 3e8, ($2 - cpu) * 10 / 300 }'
done
