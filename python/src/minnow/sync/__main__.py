# SPDX-License-Identifier: Apache-2.0
"""minnow-sync, or python -m minnow.sync."""
from __future__ import annotations

import argparse
import random
import re
import signal
import sys
import time

from minnow.sync.mirror import MAX_BYTES, mirror, push
from minnow.sync.stores import S3Store, open_store

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not match or not 0 < float(match[1]) * _UNITS[match[2]] <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration up to a day, as 60s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minnow-sync",
        description="Mirrors a snapshot of an index (minnow index snapshot) into a directory, for minnow serve --index-from; "
        "or pushes one from a directory to S3. Files are compared with the manifest's sizes and checksums before the "
        "manifest is replaced; on any failure what was there stays.",
        epilog="s3:// takes AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL from "
        "the environment; buckets are addressed path-style. Exit codes: 0 done, 1 failed, 2 wrong usage, 128 and the signal's number: ended before it was done.")
    parser.add_argument("source", help="a directory, http://, https:// or s3://BUCKET/PREFIX")
    parser.add_argument("target", help="a directory; or s3://BUCKET/PREFIX, of a directory")
    parser.add_argument("--every", type=_seconds, metavar="60s", help="go on for ever, a round each so many seconds; a failure is told, and tried again")
    parser.add_argument("--keep", type=_count, default=2, metavar="N", help="older generations that stay in the directory (2)")
    parser.add_argument("--max-bytes", type=_count, default=MAX_BYTES, metavar="N", help=f"the largest snapshot to take ({MAX_BYTES})")
    parser.add_argument("--endpoint", metavar="URL", help="of a store like S3: MinIO, Ceph, R2, GCS with HMAC keys, ...")
    parser.add_argument("--region", metavar="NAME", help="of the bucket (us-east-1)")
    parser.add_argument("--timeout", type=_seconds, default=60.0, metavar="60s", help="of a connection that is silent (60s)")
    parser.add_argument("--retries", type=_count, default=4, metavar="N", help="of a request, with growing pauses (4)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    for name in (signal.SIGTERM, signal.SIGINT):
        # Who waits for one round hears that it was cut short; to end is how --every ends.
        signal.signal(name, lambda number, _: sys.exit(128 + number if args.every is None else 0))
    reach = {"endpoint": args.endpoint, "region": args.region, "timeout": args.timeout, "retries": args.retries}
    try:
        source, target = open_store(args.source, **reach), None
        if "://" in args.target:
            target = open_store(args.target, **reach)
            if not isinstance(target, S3Store) or "://" in args.source:
                raise ValueError(f"{args.target!r}: only a directory can be pushed, and only to s3://")
    except ValueError as error:
        parser.error(str(error))
    while True:
        begin = time.monotonic()
        failed = False
        try:
            if target is not None:
                done = push(args.source, target)
            else:
                done = mirror(source, args.target, keep=args.keep, max_bytes=args.max_bytes)
            if done is not None:
                print(f"minnow-sync: generation {done.generation}, {len(done.files)} files, {done.bytes} bytes, "
                      f"{time.monotonic() - begin:.1f} s", flush=True)
        except (OSError, ValueError) as error:
            failed = True
            print(f"minnow-sync: {error}", file=sys.stderr, flush=True)
        if args.every is None:
            return 1 if failed else 0
        # Many replicas do not ask in one moment.
        time.sleep(max(args.every * random.uniform(0.9, 1.1) - (time.monotonic() - begin), 0.1))


if __name__ == "__main__":
    sys.exit(main())
