#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts the libraries that the arm64 cross build links into .cache/arm64, from the distribution's arm64 packages.
#
# apt works on lists of its own in a scratch folder: the machine's architectures, lists and packages stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.cache/arm64
libraries=(libutf8proc.a libsqlite3.a libz.a libyaml.a libpng16.a libjpeg.a libwebp.a)
missing=0
for file in "${libraries[@]}" include/jconfig.h; do [ -f "$target/$file" ] || missing=1; done
[ $missing = 0 ] && exit 0
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
packages=(libutf8proc-dev libsqlite3-dev zlib1g-dev libyaml-dev libpng-dev libwebp-dev)
# Of libjpeg-turbo by the name that this distribution has for it.
jpeg=$(apt-cache depends libjpeg-dev 2>/dev/null | awk '/Depends: libjpeg/ { print $2; exit }')
[ "$jpeg" = libjpeg8-dev ] && jpeg=libjpeg-turbo8-dev
packages+=("${jpeg:-libjpeg62-turbo-dev}")
if ! (apt update && cd "$scratch" && apt download "${packages[@]/%/:arm64}") >"$scratch/log" 2>&1; then
  tail -n 5 "$scratch/log" >&2
  echo "get-arm64-libs: no arm64 packages from this system's mirrors" >&2
  exit 1
fi
for package in "$scratch"/*_arm64.deb; do dpkg -x "$package" "$scratch/package"; done
mkdir -p $target/include
for file in "${libraries[@]}" libsharpyuv.a; do  # the last is a part of libwebp before version 1.3
  [ ! -f "$scratch/package/usr/lib/aarch64-linux-gnu/$file" ] || cp "$scratch/package/usr/lib/aarch64-linux-gnu/$file" $target/
done
# The one header that is not the same for all architectures.
cp "$scratch/package/usr/include/aarch64-linux-gnu/jconfig.h" $target/include/
