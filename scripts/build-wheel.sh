#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes dist/minnow-*-cp311-abi3-manylinux_*.whl of the release build's own objects, and dist/minnow-*.tar.gz, which builds
# from source.
#
# usage: scripts/build-wheel.sh        PYTHON: an interpreter (3.11 or newer) with setuptools and wheel; default: the first found
# Needs no network. docs/how-to/python.md says how both are used.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "build-wheel: $*" >&2; exit 1; }

python=
for one in "${PYTHON:-python3}" /usr/bin/python3; do
  if "$one" -c 'import sys, setuptools, wheel; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$one; break; fi
done
[ -n "$python" ] || fail "no Python 3.11 with setuptools and wheel (python3-setuptools, python3-wheel)"

cmake --preset release >/dev/null
module=$PWD/build/release/python/_core.abi3.so
cmake --build build/release --target minnow_python || fail "the extension was not built; are Python's headers there (python3-dev)?"

# The newest symbol of glibc that the module asks for is the oldest glibc that it runs with.
glibc=$(readelf --version-info "$module" | grep -o 'GLIBC_2\.[0-9]*' | cut -d. -f2 | sort -n | tail -n 1)
platform=manylinux_2_${glibc}_$(uname -m)

rm -rf dist python/build python/src/minnow.egg-info
mkdir -p dist
trap 'rm -rf python/build python/src/minnow.egg-info' EXIT
cd python
for what in wheel sdist; do
  MINNOW_PYTHON_MODULE=$module MINNOW_WHEEL_PLATFORM=$platform "$python" -c "
import setuptools.build_meta, sys
setuptools.build_meta.build_$what('../dist')" >../build/$what.log 2>&1 || { tail -n 30 ../build/$what.log >&2; fail "no $what"; }
done
cd ..
ls -l dist
