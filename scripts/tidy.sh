#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy on the sources that differ from a revision, or on those given. Slow: up to half a minute a file.
#
# usage: scripts/tidy.sh [FILE.cc ...]     without files: what differs from $TIDY_BASE (default: main)
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-tidy-14 >/dev/null || { echo "tidy: clang-tidy-14 is not installed" >&2; exit 1; }
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "${TIDY_BASE:-main}" -- 'src/*.cc' | sort)
fi
[ ${#files[@]} -eq 0 ] && { echo "tidy: nothing changed"; exit 0; }
cmake --preset dev >/dev/null
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p build/dev
