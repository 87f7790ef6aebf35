#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the system packages that minnow needs, through apt: Debian 12 or newer, Ubuntu 24.04 or newer.
#
# usage: scripts/install-deps.sh [build|test]
#   build  what ./demo needs: compiler, CMake, libraries (default)
#   test   what ./test needs beyond that: clang (format, tidy, fuzzers), arm64 cross compiler and emulator, a browser, ...
# Does nothing where all of them are there. Uses sudo when it is not run by root. Asks no questions.
set -euo pipefail
set_name=${1:-build}

os=unknown
# shellcheck source=/dev/null
[ -r /etc/os-release ] && os=$(. /etc/os-release && echo "${ID:-unknown}-${VERSION_ID:-}")
# Debian 12's default Boost is 1.74; Boost.JSON and the coroutines want 1.81 or newer.
boost=libboost-dev
[ "$os" = debian-12 ] && boost=libboost1.81-dev

case $set_name in
  build) packages=(g++ cmake ninja-build "$boost" libcli11-dev libutf8proc-dev libgtest-dev libgmock-dev
                   libsqlite3-dev zlib1g-dev libxxhash-dev libyaml-dev libpng-dev libjpeg-dev libwebp-dev
                   python3 python3-pip python3-venv ca-certificates curl) ;;
  test) packages=(binutils clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 shellcheck
                  g++-aarch64-linux-gnu qemu-user-static googletest git chromium chromium-driver zsh fish buildah
                  python3-dev python3-setuptools python3-wheel python3-numpy python3-pandas) ;;
  *) echo "install-deps: unknown set '$set_name' (build or test)" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  cat >&2 <<TEXT
install-deps: there is no apt here, so nothing was installed. minnow needs, by whatever name your system has them:
  C++20 compiler (GCC 12 or newer), CMake 3.25 or newer, Ninja, Boost 1.81 or newer (headers only),
  CLI11, utf8proc, SQLite 3.40 or newer with FTS5, zlib, libyaml, libpng, libjpeg-turbo, libwebp, xxHash
  (static libraries too: libutf8proc.a, libsqlite3.a, libz.a, libyaml.a, libpng16.a, libjpeg.a, libwebp.a), GoogleTest with GoogleMock, a static libc and libstdc++,
  Python 3.11 or newer with pip, curl; for ./test also clang 14 with its sanitizers, clang-format 14, shellcheck,
  an aarch64-linux-gnu cross compiler and qemu-user, Chromium with chromedriver, buildah (deploy/build-image.sh),
  Python's headers, setuptools, wheel, numpy and pandas (scripts/build-wheel.sh). ccache is optional.
Names on Debian: ${packages[*]}
TEXT
  # Whoever installed them by hand goes on; the build says what it does not find.
  if [ "$set_name" = build ]; then
    for tool in c++ cmake ninja python3 curl; do command -v $tool >/dev/null || exit 1; done
  fi
  exit 0
fi

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
missing=()
for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-deps: not root and no sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }

echo "install-deps: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt update || { sleep 5; apt update; }; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "install-deps: apt-get update failed; trying with the package lists that are there" >&2
fi
# A test tool that this release does not have is named and left out; the stage that wants it says "skipped".
available=()
for package in "${missing[@]}"; do
  if [ "$set_name" = build ] || apt-cache show "$package" >/dev/null 2>&1; then
    available+=("$package")
  else
    echo "install-deps: $os has no package $package" >&2
  fi
done
[ ${#available[@]} -eq 0 ] && exit 0
if ! apt install -y --no-install-recommends "${available[@]}" >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "install-deps: could not install ${available[*]}" >&2
  exit 1
fi
