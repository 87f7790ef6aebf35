#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds an image without a daemon, by Debian's buildah and deploy/Dockerfile. Needs no root where user namespaces are
# allowed; in a container without them it needs CAP_SYS_ADMIN.
#
# usage: deploy/build-image.sh VARIANT [options]
#   VARIANT  embedder                 all-MiniLM-L6-v2, or --model
#            language-detector        the language detector that is part of the program
#            language-detector-xlmr   --model: XLM-R's shape, its embedding tables in int4
#   --model PATH            a model directory, an .onnx file or a packed .minnow file
#   --embedding-dtype D     int4, int8, bf16 or fp32 of the packed model's embedding tables
#   --program-only          no model: one is mounted when the image runs, and MINNOW_MODEL set
#   --build DIR             a finished static build, taken as it is (default: build/release, built first)
#   --source URL            where the sources are, for the label (default: the git remote "origin", if it is a URL)
#   --licenses EXPRESSION   for the label (default: Apache-2.0, the program's); name the model's beside it
#   --archive FILE          also a tar file for `docker load`; the health check is in this form only, OCI has none
#   -o DIR                  the OCI layout to write (default: build/images/VARIANT); another layout there is replaced
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
fail() { echo "build-image: $*" >&2; exit "${code:-1}"; }
variant=${1:-}
case $variant in
  embedder) model=$top/models/all-MiniLM-L6-v2 embedding=int8 ;;
  language-detector) model='' embedding=int8 ;;
  language-detector-xlmr) model='' embedding=int4 ;;
  -h|--help) sed -n '3,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) code=2 fail "expected embedder, language-detector or language-detector-xlmr, got '$variant'" ;;
esac
shift
build='' program_only='' source='' licenses=Apache-2.0 archive='' out=$top/build/images/$variant
while [ $# -gt 0 ]; do
  case $1 in
    --program-only) program_only=1 model=''; shift; continue ;;
    --model|--embedding-dtype|--build|--source|--licenses|--archive|-o)
      if [ -z "${2:-}" ]; then code=2 fail "$1 needs a value"; fi ;;
    *) code=2 fail "unknown option '$1'" ;;
  esac
  case $1 in
    --model) model=$2 ;;
    --embedding-dtype) embedding=$2 ;;
    --build) build=$2 ;;
    --source) source=$2 ;;
    --licenses) licenses=$2 ;;
    --archive) archive=$2 ;;
    -o) out=$2 ;;
  esac
  shift 2
done
if [ "$variant" = language-detector-xlmr ] && [ -z "$model$program_only" ]; then code=2 fail "$variant needs --model"; fi
command -v buildah >/dev/null || fail "buildah is not installed: apt-get install buildah"
if [ -e "$out" ]; then [ -f "$out/oci-layout" ] || [ -z "$(ls -A "$out")" ] || fail "$out: is there, and no OCI layout"; fi

git_of() { git -C "$top" "$@" 2>/dev/null || true; }
if [ -z "$build" ]; then
  build=$top/build/release
  (cd "$top" && cmake --preset release && cmake --build --preset release --target minnow) >&2
fi
revision=$(git_of rev-parse HEAD)
if [ -z "$source" ]; then
  # Without a name and a password that somebody may have left in it.
  source=$(git_of remote get-url origin | sed -nE 's#^(https?://)([^/@]*@)?#\1#p')
fi
# The same commit gives the same image.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git_of log -1 --format=%ct)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}

[ "$model" != "$top/models/all-MiniLM-L6-v2" ] || "$top/scripts/get-model.sh"
work=$(mktemp -d)
trap 'rm -rf "$work" 2>/dev/null || buildah unshare rm -rf "$work"' EXIT
chmod 755 "$work"
root=(--build "$build" --embedding-dtype "$embedding" -o "$work/build/image")
[ -z "$model" ] || root+=(--model "$model")
[ -z "$program_only" ] || root+=(--program-only)
"$top/deploy/image-root.sh" "${root[@]}"

# Plain copies instead of overlay mounts, and nothing is run: neither is to be had in most containers.
export HOME=$work TMPDIR=$work XDG_RUNTIME_DIR=$work
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
name=minnow-$variant:$version
arguments=(VARIANT="$variant" VERSION="$version" REVISION="$revision" SOURCE="$source" LICENSES="$licenses"
           MODEL="${model:+/model.minnow}")
buildah "${storage[@]}" bud --quiet --format docker --isolation chroot \
  --identity-label=false --timestamp "$SOURCE_DATE_EPOCH" --build-context build="$work/build" \
  "${arguments[@]/#/--build-arg=}" -f "$top/deploy/Dockerfile" --iidfile "$work/id" "$work" >/dev/null
push() { buildah "${storage[@]}" push --quiet "$(cat "$work/id")" "$1"; }
rm -rf "$out"
mkdir -p "$(dirname "$out")"
push "oci:$out:$version"
if [ -n "$archive" ]; then
  rm -f "$archive"
  push "docker-archive:$archive:$name"
fi
blobs=$(du -sb "$out/blobs" | cut -f1)
echo "$out: $name, $blobs bytes compressed, $(du -sb "$work/build/image" | cut -f1) unpacked"
