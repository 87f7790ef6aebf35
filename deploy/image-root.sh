#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the folder that becomes an image's root: the program, the model packed, and sbom.spdx.json.
#
# usage: deploy/image-root.sh [--build DIR] [--model PATH] [--embedding-dtype int4] [--program-only] -o DIR
#   --build            a finished static build (default: build/release)
#   --model            a model directory, an .onnx file, or a .minnow file, which is taken as it is; a folder that holds
#                      one such file is as good; where it holds none: all-MiniLM-L6-v2, fetched if it is not there.
#                      Without --model the program must have a model of its own
#   --embedding-dtype  of the packed model's embedding tables (default: int8)
#   --program-only     do without a model, for one that is mounted when the image runs
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build/release model='' embedding=int8 program_only='' out=''
fail() { echo "image-root: $*" >&2; exit "${code:-1}"; }
while [ $# -gt 0 ]; do
  case $1 in
    --program-only) program_only=1; shift; continue ;;
    --build|--model|--embedding-dtype|-o) if [ -z "${2:-}" ]; then code=2 fail "$1 needs a value"; fi ;;
    *) code=2 fail "unknown argument '$1'" ;;
  esac
  case $1 in
    --build) build=$2 ;;
    --model) model=$2 ;;
    --embedding-dtype) embedding=$2 ;;
    -o) out=$2 ;;
  esac
  shift 2
done
[ -n "$out" ] || code=2 fail "-o is missing"
[ -x "$build/minnow" ] || fail "$build/minnow: no such program; cmake --preset release && cmake --build --preset release"
# An image made from nothing has no loader and no libraries.
! readelf -d "$build/minnow" | grep -q NEEDED || fail "$build/minnow: is not static"
# What asks for settings in the environment of whoever builds is no part of the image.
unset "${!MINNOW_@}" PORT

# The model's file or folder in $model, for what was given.
find_model() {
  [ -e "$model" ] || fail "$model: no such file or directory"
  if [ -f "$model" ] || [ -f "$model/config.json" ]; then return; fi
  local found
  mapfile -t found < <(find -L "$model" -maxdepth 1 -type f \( -name '*.minnow' -o -name '*.onnx' \))
  case ${#found[@]} in
    0) "$top/scripts/get-model.sh" && model=$top/models/all-MiniLM-L6-v2 ;;
    1) model=${found[0]} ;;
    *) fail "$model: holds ${#found[@]} models: name one of them" ;;
  esac
}

mkdir -p "$out"
[ -z "$(ls -A "$out")" ] || fail "$out: is not empty"
sbom=()
if [ -n "$model" ]; then
  find_model
  name=$(basename "$(realpath -s "$model")")
  case $model in
    *.minnow) cp "$model" "$out/model.minnow" ;;
    *) "$build/minnow" pack --model "$model" --dtype int8 --embedding-dtype "$embedding" -o "$out/model.minnow" >&2 ;;
  esac
  "$build/minnow" inspect --verify "$out/model.minnow" >/dev/null
  chmod 444 "$out/model.minnow"
  sbom=(--model "$out/model.minnow" --model-name "${name%.minnow}")
elif [ -z "$program_only" ] && ! "$build/minnow" classify --top-k 1 "Dzień dobry" >/dev/null 2>&1; then
  fail "the program has no model of its own: give --model, or --program-only"
fi
install -m 555 "$build/minnow" "$out/minnow"
"$top/deploy/sbom.py" "$build" "${sbom[@]}" -o "$out/sbom.spdx.json"
chmod 444 "$out/sbom.spdx.json"
