#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the wheel in the engines and frameworks that docs/how-to/bulk.md and docs/scale.md name: the same bits, workers killed in the
# middle, rates. It fetches some 2 GB of packages, so ./test does not run it. Needs Java 17 (Debian: openjdk-17-jre-headless).
#
# usage: scripts/test-engines.sh [--rounds N] [--lines N] [--wheel FILE] [--python FILE] [CHECK ...]
#   CHECK     frames (pandas, Polars, DuckDB, Dask, LanceDB, the program), spark, ray, adapters; default: all
#   --rounds  how many Spark jobs and Ray jobs lose a worker to SIGKILL (1)
#   --lines   texts of the measured jobs (40000; 0: nothing is measured)
#   --wheel   the wheel (the newest of dist/)
#   --python  of a virtual environment that has all packages; default: one is made in .cache/engines
# MINNOW_PROGRAM, MINNOW_DATA and MINNOW_MODEL as in ./test. Each check has ten minutes.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
rounds=1 lines=40000 wheel='' python='' checks=()
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --lines) lines=$2; shift 2 ;;
    --wheel) wheel=$(realpath "$2"); shift 2 ;;
    --python) python=$(realpath -s "$2"); shift 2 ;;
    -*) echo "test-engines: unknown option '$1'" >&2; exit 2 ;;
    *) checks+=("$1"); shift ;;
  esac
done
[ ${#checks[@]} -gt 0 ] || checks=(frames spark ray adapters)
program=${MINNOW_PROGRAM:-$root/build/release/minnow}
model=${MINNOW_MODEL:-$root/models/all-MiniLM-L6-v2}
export MINNOW_DATA=${MINNOW_DATA:-$root/../shared/data}
[ -n "$wheel" ] || wheel=$(find "$root/dist" -name 'minnow-*.whl' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
for file in "$program" "$model" "$MINNOW_DATA" "${wheel:-$root/dist/minnow-*.whl}"; do
  [ -e "$file" ] || { echo "test-engines: there is no $file" >&2; exit 1; }
done

if [ -z "$python" ]; then
  python=$root/.cache/engines/bin/python
  requirements=$root/python/tests/engines/requirements.txt
  if ! cmp -s "$requirements" "$root/.cache/engines/requirements.txt"; then
    rm -rf "$root/.cache/engines"
    python3 -m venv "$root/.cache/engines"
    timeout 1800 "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$root/.cache/engines/requirements.txt"
  fi
fi
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"

# In a folder of its own, whose name is short: Ray keeps sockets below it.
work=$(mktemp -d /tmp/minnow-engines-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$program" pack --model "$model" --dtype int8 -o model.minnow >/dev/null
# Nothing of ours or theirs is told to anybody, and nothing of this shell's reaches them.
export MINNOW_PROGRAM=$program PYSPARK_PYTHON=$python PYSPARK_DRIVER_PYTHON=$python SPARK_LOCAL_IP=127.0.0.1
export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled RAY_TMPDIR=$work HAYSTACK_TELEMETRY_ENABLED=False LANGCHAIN_TRACING_V2=false PYTHONUNBUFFERED=1
unset SPARK_HOME PYTHONPATH

failed=()
for check in "${checks[@]}"; do
  here=$root/python/tests/engines dying=() arguments=()
  case $check in
    frames) arguments=(program pandas polars duckdb dask lancedb) ;;
    spark | ray) arguments=("$rounds" "$lines") dying=(PYTHONPATH="$here/dying" MINNOW_TEST_DIES="$work/$check-dies") ;;
    adapters) ;;
    *) echo "test-engines: unknown check '$check'" >&2; exit 2 ;;
  esac
  echo "== $check"
  begin=$SECONDS
  timeout --kill-after=20 600 env "${dying[@]}" "$python" "$here/check_$check.py" "${arguments[@]}" || failed+=("$check")
  echo "   $((SECONDS - begin)) s"
done
echo "$((${#checks[@]} - ${#failed[@]})) passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
