#!/usr/bin/env bash
# Install what building and testing need on Debian 12: packages by apt, Arrow
# C++ as the pinned pyarrow wheel, unpacked into build/arrow. Does nothing
# where all is there. "tools/deps.sh java" adds a JDK and Maven (demo, tests).
set -euo pipefail
cd "$(dirname "$0")/.."

ARROW_VERSION=26.0.1
ARROW_SHA256=39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c

packages=(gcc g++ make pkg-config python3 python3-pip postgresql-15
	postgresql-server-dev-15 libcjson-dev libzstd-dev liblz4-dev
	libsnappy-dev zlib1g-dev libcurl4-openssl-dev libssl-dev libroaring-dev)
for extra in "$@"; do
	case $extra in
		java)
			command -v java >/dev/null || packages+=(openjdk-17-jdk-headless)
			command -v mvn >/dev/null || packages+=(maven)
			;;
		test) packages+=(clang-14 libclang-rt-14-dev clang-format-14 libipc-run-perl) ;;
		*) echo "usage: tools/deps.sh [java] [test]" >&2; exit 2 ;;
	esac
done

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else
		echo "need root or sudo for: $*" >&2
		exit 1
	fi
}

missing=()
for p in "${packages[@]}"; do
	case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
		"install ok installed") ;;
		*) # A python3 or pip of one's own is as good as Debian's.
			if [ "$p" = python3 ] && command -v python3 >/dev/null; then continue; fi
			if [ "$p" = python3-pip ] && python3 -m pip --version >/dev/null 2>&1; then continue; fi
			missing+=("$p") ;;
	esac
done
if [ ${#missing[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null; then
		echo "missing: ${missing[*]} (no apt-get here: install their like)" >&2
		exit 1
	fi
	echo "installing: ${missing[*]}"
	as_root apt-get update -q >/dev/null
	# No cluster of Debian's own is wanted for a private server.
	as_root mkdir -p /etc/postgresql-common
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends "${missing[@]}" >/dev/null
fi

if ! pkg-config --exists arrow parquet arrow-orc 2>/dev/null &&
	[ -z "${PYARROW_DIR:-}" ] && [ ! -d build/arrow/pyarrow ]; then
	echo "fetching Arrow C++ (pyarrow $ARROW_VERSION)"
	rm -rf build/wheel build/arrow.new
	mkdir -p build/wheel
	machine=$(uname -m)
	python3 -m pip download -q --no-deps --only-binary :all: \
		--implementation cp --python-version 3.11 --abi cp311 \
		--platform "manylinux_2_28_$machine" -d build/wheel "pyarrow==$ARROW_VERSION"
	if [ "$machine" = x86_64 ]; then
		echo "$ARROW_SHA256  $(echo build/wheel/pyarrow-*.whl)" | sha256sum -c --quiet
	fi
	python3 -m zipfile -e build/wheel/pyarrow-*.whl build/arrow.new
	mv build/arrow.new build/arrow
	rm -rf build/wheel
fi
