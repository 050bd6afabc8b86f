#!/usr/bin/env bash
# What demo and tests share: a private PostgreSQL server (own data directory,
# unix socket only, run by a user that is not root), the installation of the
# extension, and Paimon's own Java. Used as
#   . tools/server.sh
#   server_start DIR     makes DIR/data; sets what psql needs (server_env)
#   server_env DIR       sets PGHOST PGPORT PGUSER PGDATABASE
#   server_stop DIR
#   as_server CMD ...    runs CMD as the server's user, in /
#   install_extension    by root or sudo, where the folder asks for that
#   build_oracle         test/interop/oracle, once
# DIR must be absolute, and empty or made by an earlier server_start.

# The caller's locale, file modes, PostgreSQL and make settings must not matter.
umask 022
export LC_ALL=C.UTF-8
for name in $(compgen -e PG); do
	[ "$name" = PG_CONFIG ] || unset "$name"
done
unset name MAKEFLAGS MFLAGS MAKELEVEL

server_user() {
	if [ "$(id -u)" = 0 ]; then echo postgres; else id -un; fi
}

as_server() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups \
			env -C / -u PMN_FIXTURES -u PMN_ARROW_PATH HOME=/tmp "$@"
	else
		env -C / "$@"
	fi
}

pg_bin() {
	"${PG_CONFIG:-pg_config}" --bindir
}

server_env() {
	export PGHOST=$1 PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	export PGOPTIONS='' PGTZ=UTC
}

# server_folder DIR: made, the server's, and fit for its socket.
server_folder() {
	local dir=$1
	mkdir -p "$dir"
	chown "$(server_user)" "$dir"
	chmod 755 "$dir"
	if [ ${#dir} -gt 90 ]; then
		echo "$dir: too long for a socket's path" >&2
		return 1
	fi
	if ! as_server test -w "$dir"; then
		echo "$dir: user $(server_user) can't get there; set TMPDIR or DEMO_DIR to a folder open to all" >&2
		return 1
	fi
}

server_start() {
	local dir=$1 settings=${2:-}
	server_folder "$dir" || return
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
	server_env "$dir"
}

server_stop() {
	local dir=$1
	if [ -s "$dir/data/postmaster.pid" ]; then
		as_server "$(pg_bin)/pg_ctl" -D "$dir/data" -m fast -s stop >/dev/null 2>&1 || true
	fi
}

install_extension() {
	local folder as_root=()
	folder=$("${PG_CONFIG:-pg_config}" --pkglibdir)
	if [ "$(id -u)" != 0 ] && [ ! -w "$folder" ]; then
		if ! command -v sudo >/dev/null; then
			echo "$folder: installing there needs root or sudo" >&2
			return 1
		fi
		as_root=(sudo env "PATH=$PATH" "PG_CONFIG=${PG_CONFIG:-pg_config}"
			${PYARROW_DIR:+"PYARROW_DIR=$PYARROW_DIR"})
	fi
	"${as_root[@]}" make -s install >/dev/null
}

# Its cp.txt names jars below somebody's home: made anew where they are gone.
build_oracle() {
	local oracle=test/interop/oracle jar
	if [ -s $oracle/target/cp.txt ]; then
		jar=$(cut -d: -f1 $oracle/target/cp.txt)
		if [ -r "$jar" ] && [ -z "$(find $oracle/src $oracle/pom.xml -newer $oracle/target/cp.txt)" ]; then
			return
		fi
	fi
	echo "(building the Java reader once)"
	mkdir -p $oracle/target
	if ! (cd $oracle && mvn -q -B package) >$oracle/target/build.log 2>&1; then
		tail -20 $oracle/target/build.log >&2
		return 1
	fi
	touch $oracle/target/cp.txt
}
