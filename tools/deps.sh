#!/usr/bin/env bash
# Install what building and testing need on Debian 12: packages by apt, Arrow
# C++ as the pinned pyarrow wheel, unpacked into build/arrow. Does nothing
# where all is there.
#   tools/deps.sh [java] [test]    java: a JDK and Maven (demo, tests);
#                                  test: clang for lint and fuzz
#   tools/deps.sh list ...         only names the packages that are missing
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

ARROW_VERSION=26.0.1
ARROW_SHA256=39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c

# A PostgreSQL of one's own, with server and headers, is as good as Debian's.
has_postgres() {
	local config=${PG_CONFIG:-pg_config}
	command -v "$config" >/dev/null && [ -f "$("$config" --pgxs)" ] &&
		[ -x "$("$config" --bindir)/initdb" ]
}

packages=(gcc g++ make pkg-config libcjson-dev libzstd-dev liblz4-dev
	libsnappy-dev libroaring-dev zlib1g-dev)
has_postgres || packages+=(postgresql-15 postgresql-server-dev-15)
command -v python3 >/dev/null || packages+=(python3)
python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
list=
for extra in "$@"; do
	case $extra in
		java)
			command -v javac >/dev/null || packages+=(default-jdk-headless)
			command -v mvn >/dev/null || packages+=(maven)
			;;
		test) packages+=(clang-14 libclang-rt-14-dev clang-format-14) ;;
		list) list=1 ;;
		*) echo "usage: tools/deps.sh [list] [java] [test]" >&2; exit 2 ;;
	esac
done

missing=()
for p in "${packages[@]}"; do
	case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
		"install ok installed") ;;
		*) missing+=("$p") ;;
	esac
done
if [ -n "$list" ]; then
	echo "${missing[*]}"
	exit 0
fi

# apt_install PACKAGE ...: as root. A private server wants no cluster of
# Debian's own, so one is not made; the setting for that goes away again.
apt_install() {
	export DEBIAN_FRONTEND=noninteractive
	local conf=/etc/postgresql-common/createcluster.conf made= status=0
	apt-get update -q || return
	if [ ! -e $conf ]; then
		made=1
		mkdir -p "${conf%/*}"
		echo "create_main_cluster = false" >$conf
	fi
	apt-get install -y -q --no-install-recommends "$@" || status=$?
	if [ -n "$made" ]; then
		cp /usr/share/postgresql-common/createcluster.conf $conf 2>/dev/null || rm -f $conf
	fi
	return $status
}

if [ ${#missing[@]} -gt 0 ]; then
	by_hand="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
	as_root=()
	if ! command -v apt-get >/dev/null; then
		echo "no apt-get here; install the like of: ${missing[*]}" >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null; then
			printf 'packages are missing; as root run:\n  %s\n' "$by_hand" >&2
			exit 1
		fi
		as_root=(sudo)
	fi
	echo "installing: ${missing[*]}"
	log=$(mktemp)
	if ! "${as_root[@]}" bash -c "$(declare -f apt_install); apt_install \"\$@\"" \
		apt_install "${missing[@]}" >"$log" 2>&1 </dev/null; then
		tail -20 "$log" >&2
		rm -f "$log"
		printf 'could not install packages; as root run:\n  %s\n' "$by_hand" >&2
		exit 1
	fi
	rm -f "$log"
fi

if ! pkg-config --exists 'arrow >= 21' parquet arrow-orc 2>/dev/null &&
	[ -z "${PYARROW_DIR:-}" ] && [ ! -d build/arrow/pyarrow ]; then
	echo "fetching Arrow C++ (pyarrow $ARROW_VERSION)"
	rm -rf build/wheel build/arrow build/arrow.new
	mkdir -p build/wheel
	machine=$(uname -m)
	python=python3
	$python -m pip --version >/dev/null 2>&1 || python=/usr/bin/python3
	$python -m pip download -q --no-deps --only-binary :all: \
		--implementation cp --python-version 3.11 --abi cp311 \
		--platform "manylinux_2_28_$machine" -d build/wheel "pyarrow==$ARROW_VERSION" ||
		{ echo "could not fetch it; install arrow, parquet and arrow-orc for pkg-config, or set PYARROW_DIR" >&2; exit 1; }
	if [ "$machine" = x86_64 ]; then
		echo "$ARROW_SHA256  $(echo build/wheel/pyarrow-*.whl)" | sha256sum -c --quiet
	fi
	$python -m zipfile -e build/wheel/pyarrow-*.whl build/arrow.new
	mv build/arrow.new build/arrow
	rm -rf build/wheel
fi
