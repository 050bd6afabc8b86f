#!/usr/bin/env bash
# Small transactions on a lake table beside a heap table of the same server:
# bench/transactions.sh DIR. pgbench -M prepared, fsync on; the two take turns,
# and what counts is the median of the rounds' ratios lake / heap.
#   update from the lake   SET v = v + 1 of one row of 100,000, most of which
#            only the lake has: rows move there each second
#   upsert   one row: INSERT ... ON CONFLICT DO UPDATE on the heap, INSERT on
#            the lake table; from here on all rows are in the delta
#   update   SET v = v + 1 of one row
#   select   one row by key
#   bulk     COPY of 1,000,000 rows: seconds, and bytes of WAL
# ROUNDS (5), SECONDS_EACH (5), CLIENTS ("1 8"), KEYS (100000), BULK (1000000),
# WORK ("cold upsert update select bulk"): environment.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:?usage: bench/transactions.sh DIR}
rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-5} clients=${CLIENTS:-1 8}
keys=${KEYS:-100000} bulk=${BULK:-1000000}
work=${WORK:-cold upsert update select bulk}
mkdir -p "$dir/lake"
. tools/server.sh
trap 'server_stop "$dir/server"' EXIT
server_start "$dir/server" "shared_buffers = 1GB
	max_wal_size = 8GB
	checkpoint_timeout = 30min
	jit = off
	${SETTINGS:-}"
chown "$(server_user)" "$dir/lake"
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$@"; }
sql -c 'SET client_min_messages = error' \
	-c 'DROP EXTENSION IF EXISTS paimon_fdw CASCADE' -c 'CREATE EXTENSION paimon_fdw'
PGOPTIONS='-c client_min_messages=warning' sql <<-SQL
	LOAD 'paimon_fdw';
	ALTER SYSTEM SET paimon_fdw.flush_interval = '1s';
	SELECT pg_reload_conf();
	DROP TABLE IF EXISTS heap, heap_bulk;
	CREATE TABLE heap (k bigint PRIMARY KEY, v bigint);
	CREATE TABLE heap_bulk (k bigint PRIMARY KEY, v bigint, s text);
	CREATE SERVER bench FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse '$dir/lake');
	CREATE FOREIGN TABLE lake (k bigint NOT NULL, v bigint) SERVER bench
		OPTIONS (database 'b$(date +%s)', primary_key 'k', "bucket" '1');
	CREATE FOREIGN TABLE lake_bulk (k bigint NOT NULL, v bigint, s text) SERVER bench
		OPTIONS (database 'b$(date +%s)', primary_key 'k', "bucket" '1');
	INSERT INTO heap SELECT i, 0 FROM generate_series(1, $keys) i;
	INSERT INTO lake SELECT i, 0 FROM generate_series(1, $keys) i;
	SELECT paimon.flush('lake');
	VACUUM ANALYZE heap;
	ANALYZE lake;
SQL

script() {
	echo "\\set k random(1, $keys)"
	case $1 in
		upsert_heap) echo "INSERT INTO heap VALUES (:k, 1) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v;" ;;
		upsert_lake) echo "INSERT INTO lake VALUES (:k, 1);" ;;
		cold_*) echo "UPDATE ${1#cold_} SET v = v + 1 WHERE k = :k;" ;;
		update_*) echo "UPDATE ${1#update_} SET v = v + 1 WHERE k = :k;" ;;
		select_*) echo "SELECT v FROM ${1#select_} WHERE k = :k;" ;;
	esac
}
# rate NAME CLIENTS: transactions a second
rate() {
	script "$1" >"$dir/$1.sql"
	pgbench -n -M prepared -c "$2" -j 2 -T "$seconds" -f "$dir/$1.sql" 2>/dev/null |
		awk '/^tps/ { print int($3) }'
}
median() { sort -g | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
# compare WORK CLIENTS
compare() {
	local lake heap round
	: >"$dir/ratios"; : >"$dir/lakes"; : >"$dir/heaps"
	for ((round = 0; round < rounds; round++)); do
		if ((round % 2)); then
			lake=$(rate "$1_lake" "$2"); heap=$(rate "$1_heap" "$2")
		else
			heap=$(rate "$1_heap" "$2"); lake=$(rate "$1_lake" "$2")
		fi
		echo "$lake" >>"$dir/lakes"; echo "$heap" >>"$dir/heaps"
		awk "BEGIN { print $lake / $heap }" >>"$dir/ratios"
	done
	printf '| %s | %s | %s | %s | %.2f |\n' "${1/cold/update from the lake}, 1 row" "$2" "$(median <"$dir/lakes") tps" \
		"$(median <"$dir/heaps") tps" "$(median <"$dir/ratios")"
}
# load TABLE: seconds and bytes of WAL
load() {
	sql -c "SELECT pg_current_wal_insert_lsn()" >"$dir/lsn"
	local begun=$(date +%s%N)
	sql -c "COPY $1 FROM '$dir/rows'"
	local ended=$(date +%s%N)
	sql -c "SELECT pg_current_wal_insert_lsn() - '$(cat "$dir/lsn")'" >"$dir/wal"
	awk "BEGIN { printf \"%.3f %d\n\", ($ended - $begun) / 1e9, $(cat "$dir/wal") }"
}

echo "| workload | clients | lake | heap | lake / heap |"
echo "|---|---|---|---|---|"
for name in $work; do
	if [ "$name" = bulk ]; then
		sql -c "COPY (SELECT i, i * 7, md5(i::text) FROM generate_series(1, $bulk) i) TO STDOUT" >"$dir/rows"
		chmod a+r "$dir/rows"
		for ((round = 0; round < rounds; round++)); do
			sql -c 'TRUNCATE heap_bulk'
			echo "$(load heap_bulk) $(load lake_bulk)"
		done >"$dir/loads"
		awk '{ print $3 / $1 }' "$dir/loads" >"$dir/ratios"
		printf '| COPY %s rows | 1 | %s s | %s s | %.2f |\n' "$bulk" \
			"$(cut -d' ' -f3 "$dir/loads" | median)" "$(cut -d' ' -f1 "$dir/loads" | median)" \
			"$(median <"$dir/ratios")"
		awk '{ print $4 / $2 }' "$dir/loads" >"$dir/ratios"
		printf '| its WAL | 1 | %s bytes | %s bytes | %.6f |\n' \
			"$(cut -d' ' -f4 "$dir/loads" | median)" "$(cut -d' ' -f2 "$dir/loads" | median)" \
			"$(median <"$dir/ratios")"
		continue
	fi
	if [ "$name" != cold ] && [ -z "${hot:-}" ]; then
		hot=yes
		sql -c "LOAD 'paimon_fdw'" -c "ALTER SYSTEM SET paimon_fdw.flush_interval = '1h'" -c 'SELECT pg_reload_conf()' >/dev/null
		sql -c 'SELECT paimon.flush($$lake$$)' >/dev/null
		sql -c "SET paimon_fdw.bulk_threshold = 2000000" -c 'UPDATE lake SET v = v + 1' \
			-c 'UPDATE heap SET v = v + 1' -c 'VACUUM heap'
	fi
	for count in $clients; do compare "$name" "$count"; done
done
