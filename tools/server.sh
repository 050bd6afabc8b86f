#!/usr/bin/env bash
# A private PostgreSQL server for demo and tests: own data directory, unix
# socket only, run by a user that is not root. Used as
#   . tools/server.sh
#   server_start DIR     makes DIR/data, sets PGHOST PGPORT PGUSER PGDATABASE
#   server_stop DIR
#   as_server CMD ...    runs CMD as the server's user
# DIR must be empty or made by an earlier server_start.

server_user() {
	if [ "$(id -u)" = 0 ]; then echo postgres; else id -un; fi
}

as_server() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups \
			env -u PMN_FIXTURES HOME=/tmp "$@"
	else
		"$@"
	fi
}

pg_bin() {
	"${PG_CONFIG:-pg_config}" --bindir
}

server_start() {
	local dir=$1 settings=${2:-}
	mkdir -p "$dir"
	chown "$(server_user)" "$dir"
	chmod 755 "$dir"
	if [ ! -s "$dir/data/PG_VERSION" ]; then
		as_server "$(pg_bin)/initdb" -D "$dir/data" -U postgres -A trust \
			-E UTF8 --locale=C.UTF-8 -N >"$dir/initdb.log" 2>&1 ||
			{ cat "$dir/initdb.log" >&2; return 1; }
		cat >>"$dir/data/postgresql.conf" <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$dir'
			port = 5432
			max_prepared_transactions = 10
			timezone = 'UTC'
			log_timezone = 'UTC'
			$settings
		CONF
	fi
	as_server "$(pg_bin)/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s start ||
		{ tail -20 "$dir/log" >&2; return 1; }
	export PGHOST=$dir PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	export PGOPTIONS='' PGTZ=UTC
}

server_stop() {
	local dir=$1
	if [ -s "$dir/data/postmaster.pid" ]; then
		as_server "$(pg_bin)/pg_ctl" -D "$dir/data" -m fast -s stop >/dev/null 2>&1 || true
	fi
}
