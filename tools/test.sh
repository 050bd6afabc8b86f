#!/usr/bin/env bash
# Everything that must pass, on a machine that has nothing: installs, builds,
# starts what the tests need. Ends with "N passed, N failed, N skipped".
# tools/test.sh SUITE ... runs some suites: lint storage fuzz regress
# isolation golden interop faults demo.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/server.sh

suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(lint storage fuzz regress isolation golden interop faults demo)
work=$(mktemp -d "${TMPDIR:-/tmp}/paimon_fdw_test.XXXXXX")
chmod 755 "$work"
results=$work/results
: >"$results"
trap 'server_stop "$work/server" || true; rm -rf "$work"' EXIT

# Lines "ok - x", "not ok - x", "skip - x" are what is counted.
note() { printf '%s\n' "$1" | tee -a "$results"; }
count() { grep -c "^$1 - " "$results" || true; }
# suite_lines COMMAND...: its result lines are counted; a failure without
# one is a failure.
suite_lines() {
	local name=$1 status=0
	shift
	"$@" 2>&1 | tee "$work/$name.out" || status=$?
	grep -E '^(ok|not ok|skip) - ' "$work/$name.out" >>"$results" || true
	if [ $status -ne 0 ] && ! grep -q '^not ok - ' "$work/$name.out"; then
		note "not ok - $name: exit status $status"
	fi
}

tools/deps.sh java test
export PATH="$(pg_bin):$PATH"
make -s -j2 all
as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" make -s install >/dev/null

suite_lint() {
	if tools/lint.sh; then note "ok - lint"; else note "not ok - lint"; fi
}

suite_storage() {
	make -s build/lib/paimon_arrow.so
	suite_lines storage make -s -j2 check-storage
}

suite_fuzz() {
	local t name
	make -s build/lib/paimon_arrow.so
	for t in storage/*/*_fuzz.c; do
		name=$(basename "$t" _fuzz.c)
		if make -s fuzz "T=$name" SECONDS="${FUZZ_SECONDS:-5}" >"$work/fuzz.out" 2>&1; then
			note "ok - fuzz $name"
		else
			tail -40 "$work/fuzz.out"
			note "not ok - fuzz $name"
		fi
	done
}

# Golden tables where the server's user can read them.
golden_copy() {
	[ -d "$work/golden" ] || cp -r test/golden "$work/golden"
	chmod -R a+rX "$work/golden"
}

# pg_regress and isolationtester want folders that their user may write.
regress_copy() {
	mkdir -p "$work/regress"
	cp -r sql expected test/isolation "$work/regress/" 2>/dev/null || true
	# The tests find golden tables below their source folder.
	golden_copy
	mkdir -p "$work/regress/test"
	ln -sfn "$work/golden" "$work/regress/test/golden"
	chown -R "$(server_user)" "$work/regress"
}

pg_test_dir() { echo "$(dirname "$(pg_config --pgxs)")/../test"; }

suite_regress() {
	local names status=0
	regress_copy
	names=$(cd sql && ls ./*.sql | sed 's|./||; s/\.sql$//')
	# Without shared_preload_libraries: the extension must load itself.
	as_server "$(pg_test_dir)/regress/pg_regress" --inputdir="$work/regress" \
		--outputdir="$work/regress" --bindir="$(pg_bin)" \
		--temp-instance="$work/regress/tmp" --no-locale --encoding=UTF8 \
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
	as_server "$(pg_test_dir)/isolation/pg_isolation_regress" \
		--inputdir="$work/regress/isolation" --outputdir="$work/regress/isolation" \
		--bindir="$(pg_bin)" --temp-instance="$work/regress/tmp_iso" \
		--no-locale --encoding=UTF8 $names >"$work/isolation.out" 2>&1 || status=$?
	cat "$work/isolation.out"
	sed -nE 's/^test ([a-z_0-9]+) +\.\.\. ok.*/ok - isolation \1/p; s/^test ([a-z_0-9]+) +\.\.\. FAILED.*/not ok - isolation \1/p' \
		"$work/isolation.out" >>"$results"
	if [ $status -ne 0 ]; then
		cat "$work/regress/isolation/regression.diffs" 2>/dev/null | head -200
		grep -q '^not ok - isolation' "$results" || note "not ok - isolation: exit status $status"
	fi
}

server_up() {
	[ -s "$work/server/data/postmaster.pid" ] || server_start "$work/server"
}

suite_golden() {
	server_up
	golden_copy
	psql -X -q -c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
	suite_lines golden python3 test/run_golden.py "$work/golden"
}

suite_interop() {
	server_up
	mkdir -p "$work/interop"
	chown "$(server_user)" "$work/interop"
	psql -X -q -c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
	suite_lines interop python3 test/interop/run_interop.py "$work/interop"
}

suite_faults() {
	server_up
	golden_copy
	mkdir -p "$work/faults"
	chown "$(server_user)" "$work/faults"
	psql -X -q -c 'CREATE EXTENSION IF NOT EXISTS paimon_fdw'
	suite_lines faults python3 test/run_faults.py "$work/faults" "$work/golden"
}

suite_demo() {
	if DEMO_DIR="$work/demo" DEMO_STOP=1 tools/demo.sh >"$work/demo.out" 2>&1; then
		note "ok - demo"
	else
		tail -40 "$work/demo.out"
		note "not ok - demo"
	fi
}

for suite in "${suites[@]}"; do
	echo "# suite $suite"
	"suite_$suite"
done

grep '^not ok - ' "$results" || true
failed=$(count "not ok")
echo "$(count ok) passed, $failed failed, $(count skip) skipped"
[ "$failed" = 0 ]
