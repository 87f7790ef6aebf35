# SPDX-License-Identifier: Apache-2.0
"""Mirrors a published snapshot of an index (src/index/SNAPSHOT.md) into a directory, and pushes one to S3.

    minnow-sync s3://bucket/my-index /var/lib/minnow/my-index --every 60s
    minnow-sync /var/lib/minnow/my-index s3://bucket/my-index

It needs the standard library only. `minnow serve --index-from DIRECTORY` serves what it brings.
"""
from minnow.sync.mirror import mirror, push
from minnow.sync.stores import open_store

__all__ = ["mirror", "open_store", "push"]
