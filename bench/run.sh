#!/usr/bin/env bash
# Run the benchmarks on a server of their own: bench/run.sh DIR [options of
# run.py]. DIR is made, and needs about 6 GB. Nothing else should be running.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/server.sh
dir=${1:?usage: bench/run.sh DIR [--rows N] [--only load,scan,merge,java]}
shift
export PATH="$(pg_bin):$PATH"
server_start "$dir" "shared_buffers = '4GB'
max_wal_size = '8GB'
checkpoint_timeout = '30min'
jit = off
max_parallel_workers_per_gather = 0
paimon_fdw.synchronous_publish = on"
trap 'server_stop "$dir"' EXIT
as_server mkdir -p "$dir/lake"
chmod -R a+rwX "$dir/lake" "$dir" 2>/dev/null || true
chmod 700 "$dir/data"
python3 bench/run.py "$dir" "$@"
