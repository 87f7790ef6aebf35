#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peak memory of a server that generates text, int8 from a packed file and from the directory: after one request, and with 64
at once under a limit that does not hold their caches.

usage: bench/generate_memory.py --model DIR [--minnow build/release/minnow] [--one-mb 110] [--limit 400M] [--many-mb 400] [--append]
DIR is a T5 in Hugging Face's layout; the bounds are t5-small's. All must be answered with 200 and the tokens asked for. Ends with 1
where a bound is not held.
"""
import collections
import pathlib
import sys
import tempfile
import threading
import time

import ledger
import served

ONE_TOKENS, MANY_TOKENS, MANY = 64, 512, 64


def one(server):
    status, body = served.post(server.connect(), "/v1/completions", served.generation("t5", ONE_TOKENS, ONE_TOKENS))
    return collections.Counter([status]), served.generated(body) == ONE_TOKENS


def many(server):
    statuses, lengths = collections.Counter(), collections.Counter()

    def ask():
        status, body = served.post(server.connect(), "/v1/completions", served.generation("t5", MANY_TOKENS, MANY_TOKENS))
        statuses[status] += 1
        if status == 200:
            lengths[served.generated(body)] += 1

    threads = [threading.Thread(target=ask) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, lengths == {MANY_TOKENS: MANY}


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--limit", default="400M")
    parser.add_argument("--one-mb", type=float, default=110)
    parser.add_argument("--many-mb", type=float, default=400)
    args = parser.parse_args()
    start, held = ledger.machine(), True
    lines = ["| | peak when ready MB | peak MB | wanted | answers | s |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        packed = ledger.packed(args.minnow, args.model, "int8", folder)
        for name, model, options in (("packed file", packed, []), ("directory", args.model, ["--dtype", "int8"])):
            for what, run, limit, more in (("one request", one, args.one_mb, []),
                                           (f"{MANY} at once, {MANY_TOKENS} tokens in and out, --memory-limit {args.limit}", many, args.many_mb,
                                            ["--memory-limit", args.limit, "--max-queue-ms", "600000"])):
                with served.Server(args.minnow, "--model", f"t5={model}", *options, *more) as server:
                    ready, begin = server.memory_mb()[0], time.monotonic()
                    statuses, right = run(server)
                    took, peak = time.monotonic() - begin, server.memory_mb()[0]
                good = right and set(statuses) == {200} and peak <= limit
                held = held and good
                lines.append(f"| {name}, {what} | {ready:.1f} | {peak:.1f} | {limit:.0f}{'' if good else ' (missed)'} | "
                             f"{', '.join(f'{count} x {status}' for status, count in statuses.items())} | {took:.1f} |")
                print(lines[-1], flush=True)
    ledger.report(args, "memory of a server that generates text", start, "\n".join(lines))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
