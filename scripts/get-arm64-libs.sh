#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts the libraries that the arm64 cross build links into .cache/arm64, from the distribution's arm64 packages.
#
# apt works on lists of its own in a scratch folder: the machine's architectures, lists and packages stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.cache/arm64
[ -f $target/libsqlite3.a ] && [ -f $target/libutf8proc.a ] && [ -f $target/libz.a ] && [ -f $target/libyaml.a ] && exit 0
command -v apt-get >/dev/null || { echo "get-arm64-libs: there is no apt here" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir -p "$scratch"/{lists,cache/archives}/partial
touch "$scratch/status"
apt() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" \
    -o Dir::State::Lists="$scratch/lists" -o Dir::Cache="$scratch/cache" -o Dir::State::status="$scratch/status" "$@"
}
if ! (apt update && cd "$scratch" && apt download libutf8proc-dev:arm64 libsqlite3-dev:arm64 zlib1g-dev:arm64 libyaml-dev:arm64) >"$scratch/log" 2>&1; then
  tail -n 5 "$scratch/log" >&2
  echo "get-arm64-libs: no arm64 packages from this system's mirrors" >&2
  exit 1
fi
for package in "$scratch"/*_arm64.deb; do dpkg -x "$package" "$scratch/package"; done
mkdir -p $target
cp "$scratch"/package/usr/lib/aarch64-linux-gnu/lib{utf8proc,sqlite3,z,yaml}.a $target/
