#!/usr/bin/env bash
# Check what a compiler can't: include ranks, rings, sizes, banned calls,
# unique file names, layout by clang-format where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tools/lint.py
if command -v clang-format-14 >/dev/null; then
	bad=$(find src storage \( -name '*.[ch]' -o -name '*.cpp' \) -not -path 'src/import/*' -print0 |
		xargs -0 clang-format-14 --dry-run 2>&1 | grep -oE '^[^: ]+\.(c|h|cpp):' | tr -d : | sort -u || true)
	if [ -n "$bad" ]; then
		printf 'not in the house layout (tools/format.sh): %s\n' $bad
		exit 1
	fi
fi
