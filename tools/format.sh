#!/usr/bin/env bash
# clang-format over our own C and C++ (imported core code excepted).
set -euo pipefail
cd "$(dirname "$0")/.."
find src storage -name '*.[ch]' -o -name '*.cpp' | grep -v '^src/import/' |
	xargs clang-format-14 -i
