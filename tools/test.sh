#!/usr/bin/env bash
# Everything that must pass, on a machine that has nothing: installs, builds,
# starts what the tests need. Ends with the time each suite took and
# "N passed, N failed, N skipped".
# tools/test.sh SUITE ... runs some suites: lint storage fuzz regress
# isolation golden compatibility plans differential workers histories interop
# faults demo.
#
# FUZZ_SECONDS        how long each fuzz target runs (default 5)
# DIFFERENTIAL_SEEDS  how many random scripts run on heap and lake (default 10)
# HISTORY_SECONDS     how long each history runs (default 3)
# CRASH_KILLS         how many processes the crash loop kills (default 8)
# COMPATIBILITY_WRITE  when set, that suite writes doc/compatibility.md anew
# SUITE_SECONDS       after how long a suite that hangs is ended (default 1500)
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/server.sh

all_suites=(lint storage fuzz regress isolation golden compatibility plans differential workers histories interop faults demo)
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=("${all_suites[@]}")
for suite in "${suites[@]}"; do
	case " ${all_suites[*]} " in
		*" $suite "*) ;;
		*) echo "there is no suite $suite" >&2; exit 2 ;;
	esac
done
work=$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/paimon_fdw_test.XXXXXX")")
chmod 755 "$work"
results=$work/results
: >"$results"
mkdir "$work/java"
export PYTHONUNBUFFERED=1 ORACLE_JAVA_OPTS="-Xmx2g -Djava.io.tmpdir=$work/java"

# A suite that broke off may have left a server of its own.
finish() {
	local file
	for file in "$work"/*/data/postmaster.pid "$work"/*/*/data/postmaster.pid; do
		[ ! -s "$file" ] || server_stop "${file%/data/postmaster.pid}"
	done
	rm -rf "$work"
}
trap finish EXIT

# Lines "ok - x", "not ok - x", "skip - x" are what is counted.
note() { printf '%s\n' "$1" | tee -a "$results"; }
count() { grep -c "^$1 - " "$results" || true; }
limited() { timeout --foreground -k 30 "${SUITE_SECONDS:-1500}" "$@"; }
# suite_lines NAME COMMAND...: its result lines are counted; a failure without
# one is a failure.
suite_lines() {
	local name=$1 status=0
	shift
	limited "$@" 2>&1 | tee "$work/$name.out" || status=$?
	grep -E '^(ok|not ok|skip) - ' "$work/$name.out" >>"$results" || true
	if [ $status -ne 0 ] && ! grep -q '^not ok - ' "$work/$name.out"; then
		note "not ok - $name: exit status $status"
	fi
}

tools/deps.sh java test
export PATH="$(pg_bin):$PATH"
make -s -j2 all
install_extension

suite_lint() {
	if tools/lint.sh; then note "ok - lint"; else note "not ok - lint"; fi
}

suite_storage() {
	make -s build/lib/paimon_arrow.so
	suite_lines storage make -s -j2 check-storage
}

suite_fuzz() {
	local t name programs=()
	make -s build/lib/paimon_arrow.so
	for t in storage/*/*_fuzz.c; do
		t=${t#storage/}
		programs+=("../build/storage/fuzz/${t%.c}")
	done
	# Side by side, and whatever compiles: the others fail by name below.
	make -s -k -j2 -C storage "${programs[@]}" >/dev/null 2>&1 || true
	for t in "${programs[@]}"; do
		name=$(basename "$t" _fuzz)
		if limited make -s fuzz "T=$name" SECONDS="${FUZZ_SECONDS:-5}" >"$work/fuzz.out" 2>&1; then
			note "ok - fuzz $name"
		else
			tail -40 "$work/fuzz.out"
			note "not ok - fuzz $name"
		fi
	done
}

# pg_regress and isolationtester want folders that their user may write; the
# lakes of a run are its own and go away with it.
regress_copy() {
	mkdir -p "$work/regress"
	cp -r sql expected test/isolation test/quiet.conf "$work/regress/"
	find "$work/regress" -type f -exec sed -i \
		-e "s|/tmp/paimon_fdw_|$work/regress/lake_|g" \
		-e "s|/tmp/pfdw_isolation|$work/regress/lake|g" {} +
	# The tests find golden tables below their source folder.
	golden_copy
	mkdir -p "$work/regress/test"
	ln -sfn "$work/golden" "$work/regress/test/golden"
	chown -R "$(server_user)" "$work/regress"
}

limited_server() { as_server timeout --foreground -k 30 "${SUITE_SECONDS:-1500}" "$@"; }
pg_test_dir() { echo "$(dirname "$(pg_config --pgxs)")/../test"; }

suite_regress() {
	local names status=0
	regress_copy
	names=$(cd sql && ls ./*.sql | sed 's|./||; s/\.sql$//')
	# Without shared_preload_libraries: the extension must load itself.
	limited_server "$(pg_test_dir)/regress/pg_regress" --inputdir="$work/regress" \
		--outputdir="$work/regress" --bindir="$(pg_bin)" \
		--temp-instance="$work/regress/tmp" --temp-config="$work/regress/quiet.conf" --no-locale --encoding=UTF8 \
		$names >"$work/regress.out" 2>&1 || status=$?
	cat "$work/regress.out"
	sed -nE 's/^test ([a-z_0-9]+) +\.\.\. ok.*/ok - regress \1/p; s/^test ([a-z_0-9]+) +\.\.\. FAILED.*/not ok - regress \1/p' \
		"$work/regress.out" >>"$results"
	if [ $status -ne 0 ]; then
		cat "$work/regress/regression.diffs" 2>/dev/null | head -300
		grep -q '^not ok - regress' "$results" || note "not ok - regress: exit status $status"
	fi
}

suite_isolation() {
	local names status=0
	names=$(ls test/isolation/specs/*.spec 2>/dev/null | xargs -r -n1 basename | sed 's/\.spec$//')
	[ -n "$names" ] || return 0
	regress_copy
	limited_server "$(pg_test_dir)/isolation/pg_isolation_regress" \
		--inputdir="$work/regress/isolation" --outputdir="$work/regress/isolation" \
		--bindir="$(pg_bin)" --temp-instance="$work/regress/tmp_iso" \
		--temp-config="$work/regress/quiet.conf" \
		--no-locale --encoding=UTF8 $names >"$work/isolation.out" 2>&1 || status=$?
	cat "$work/isolation.out"
	sed -nE 's/^test ([a-z_0-9]+) +\.\.\. ok.*/ok - isolation \1/p; s/^test ([a-z_0-9]+) +\.\.\. FAILED.*/not ok - isolation \1/p' \
		"$work/isolation.out" >>"$results"
	if [ $status -ne 0 ]; then
		cat "$work/regress/isolation/regression.diffs" 2>/dev/null | head -200
		grep -q '^not ok - isolation' "$results" || note "not ok - isolation: exit status $status"
	fi
}

# server_up: a running server with the extension, for this suite's psql.
server_up() {
	if [ -s "$work/server/data/postmaster.pid" ]; then
		server_env "$work/server"
	else
		server_start "$work/server" "$(cat test/quiet.conf)"
	fi
	psql -X -q -c 'SET client_min_messages = error' \
		-c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
}

golden_copy() {
	[ ! -d "$work/golden" ] || return 0
	cp -r test/golden "$work/golden"
	chmod -R a+rX "$work/golden"
}

suite_golden() {
	server_up
	golden_copy
	suite_lines golden python3 test/run_golden.py "$work/golden"
}

suite_plans() {
	server_up
	golden_copy
	suite_lines plans python3 test/run_plans.py "$work/golden"
}

suite_compatibility() {
	server_up
	golden_copy
	mkdir -p "$work/compatibility"
	chown "$(server_user)" "$work/compatibility"
	suite_lines compatibility python3 test/run_compatibility.py \
		"$work/compatibility" "$work/golden" ${COMPATIBILITY_WRITE:+--write}
}

# With compaction going on behind the statements' backs.
suite_differential() {
	server_up
	psql -X -q -c "LOAD 'paimon_fdw'" -c 'ALTER SYSTEM SET paimon_fdw.compaction_workers = 2' \
		-c 'SELECT pg_reload_conf()' >/dev/null
	mkdir -p "$work/differential"
	chown "$(server_user)" "$work/differential"
	suite_lines differential python3 test/run_differential.py "$work/differential" \
		--seeds "${DIFFERENTIAL_SEEDS:-10}"
	psql -X -q -c "LOAD 'paimon_fdw'" -c 'ALTER SYSTEM RESET paimon_fdw.compaction_workers' \
		-c 'SELECT pg_reload_conf()' >/dev/null
}

suite_workers() {
	server_start "$work/workers"
	psql -X -q -c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
	mkdir -p "$work/workers/lake"
	chown "$(server_user)" "$work/workers/lake"
	suite_lines workers python3 test/run_workers.py "$work/workers/lake" "$work/workers/log"
	server_stop "$work/workers"
	server_start "$work/launcher" "shared_preload_libraries = 'paimon_fdw'"
	psql -X -q -c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
	mkdir -p "$work/launcher/lake"
	chown "$(server_user)" "$work/launcher/lake"
	suite_lines launcher python3 test/run_workers.py "$work/launcher/lake" "$work/launcher/log" preloaded
	server_stop "$work/launcher"
}

# What many sessions do at once, on a server that is killed time and again.
suite_histories() {
	server_start "$work/histories" 'fsync = off'
	psql -X -q -c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
	mkdir -p "$work/histories/run"
	chown "$(server_user)" "$work/histories/run"
	build_oracle
	suite_lines histories python3 test/run_histories.py "$work/histories/run" \
		--seconds "${HISTORY_SECONDS:-3}" --oracle
	mkdir -p "$work/histories/crashes"
	chown "$(server_user)" "$work/histories/crashes"
	suite_lines crashes python3 test/run_crashes.py "$work/histories/crashes" \
		--kills "${CRASH_KILLS:-8}"
	server_stop "$work/histories"
}

suite_interop() {
	server_up
	build_oracle
	mkdir -p "$work/interop"
	chown "$(server_user)" "$work/interop"
	suite_lines interop python3 test/interop/run_interop.py "$work/interop"
}

suite_faults() {
	server_up
	golden_copy
	mkdir -p "$work/faults"
	chown "$(server_user)" "$work/faults"
	suite_lines faults python3 test/run_faults.py "$work/faults" "$work/golden"
}

suite_demo() {
	if DEMO_DIR="$work/demo" DEMO_STOP=1 limited tools/demo.sh >"$work/demo.out" 2>&1; then
		note "ok - demo"
	else
		tail -40 "$work/demo.out"
		note "not ok - demo"
	fi
}

times=()
for suite in "${suites[@]}"; do
	echo "# suite $suite"
	started=$(date +%s)
	# In a shell of its own: a suite that breaks off does not end the others.
	set +e
	(set -e; trap - EXIT; "suite_$suite")
	status=$?
	set -e
	[ $status = 0 ] || note "not ok - $suite: broke off with status $status"
	times+=("$suite $(($(date +%s) - started)) s")
done

grep '^not ok - ' "$results" || true
printf -v taken ', %s' "${times[@]}"
echo "time: ${taken:2}, all $SECONDS s"
failed=$(count "not ok")
echo "$(count ok) passed, $failed failed, $(count skip) skipped"
[ "$failed" = 0 ]
