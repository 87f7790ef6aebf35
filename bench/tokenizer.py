#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text to token ids beside Hugging Face tokenizers, each on one core: megabytes of text a second of processor time.

minnow is run as `minnow tokenize`, so that its figure includes writing ids, tokens and offsets as JSON; loading, measured
with no text, is taken off. The peer's encode_batch writes nothing. Both must give the same number of tokens.

    pip install tokenizers
    python3 bench/tokenizer.py --model DIR [--program build/release/minnow] [--rounds 3] FILE...
"""
import argparse
import os
import pathlib
import resource
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402  (reads the variable)


def processor_time(command, text):
    """Of one run with `text` as its input, and how many token ids it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    tokens = sum(line.count(b",", 0, line.index(b"]")) + (not line.startswith(b'{"ids":[]')) for line in out.splitlines())
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, tokens


def peer_time(hf, lines):
    begin = time.process_time()
    encodings = hf.encode_batch(lines)
    return time.process_time() - begin, sum(map(len, encodings))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--program", default="build/release/minnow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    hf = Tokenizer.from_file(str(pathlib.Path(args.model) / "tokenizer.json"))
    hf.no_padding()
    hf.no_truncation()
    command = [args.program, "tokenize", "--model", args.model]
    loading = min(processor_time(command, b"")[0] for _ in range(args.rounds))
    print(f"loading: {1000 * loading:.0f} ms\n\n| text | tokens | minnow MB/s | tokenizers MB/s | ratio |\n|---|---|---|---|---|")
    for path in args.files:
        lines = pathlib.Path(path).read_text(encoding="utf-8", errors="replace").replace("\r", "").split("\n")
        text = "\n".join(lines).encode()
        ours = min(processor_time(command, text) for _ in range(args.rounds))
        theirs = min(peer_time(hf, lines[:-1] if lines[-1] == "" else lines) for _ in range(args.rounds))
        assert ours[1] == theirs[1], (path, ours, theirs)
        speed, peer = len(text) / (ours[0] - loading) / 1e6, len(text) / theirs[0] / 1e6
        print(f"| {pathlib.Path(path).name} | {ours[1]} | {speed:.1f} | {peer:.2f} | {speed / peer:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
