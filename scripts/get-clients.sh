#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts the Python packages of other servers' clients into .cache/clients, for tests/compat, and a reader of bills
# of materials, for tests/deploy.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.cache/clients
wanted=(openai==3.54.0 huggingface_hub==2.4.0 numpy==2.4.6 langchain-openai==1.7.4 spdx-tools==0.8.5 ollama==0.6.3 aiohttp==3.14.5 webuiapi==0.9.17 pillow==12.3.0
  sd-backend-client==0.5.0)
# It asks for a huggingface_hub of old, and works with this one.
alone=(text-generation==0.7.0)
[ "$(cat $target/wanted.txt 2>/dev/null)" = "${wanted[*]} ${alone[*]}" ] && exit 0
rm -rf $target
mkdir -p $target
fetch() { python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore --target $target "$@"; }
if ! { fetch "${wanted[@]}" && fetch --no-deps "${alone[@]}"; } >$target/log.txt 2>&1; then
  tail -n 5 $target/log.txt >&2
  echo "get-clients: pip could not fetch ${wanted[*]} ${alone[*]} (see above)" >&2
  exit 1
fi
echo "${wanted[*]} ${alone[*]}" >$target/wanted.txt
