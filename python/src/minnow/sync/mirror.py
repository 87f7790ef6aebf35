# SPDX-License-Identifier: Apache-2.0
"""One round of a mirror, and of a push, in the order of src/index/SNAPSHOT.md: files, then the manifest."""
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from minnow.sync import manifest, xxh64
from minnow.sync.manifest import File, Manifest
from minnow.sync.stores import DirectoryStore, HttpStore, S3Store

MAX_BYTES = 1 << 40


def mirror(source: DirectoryStore | HttpStore, directory: str | os.PathLike[str], *, keep: int = 2,
           max_bytes: int = MAX_BYTES) -> Manifest | None:
    """Brings the source's generation into directory. None: it is there already. On any failure (OSError,
    ValueError) the directory's manifest stays, and with it what replicas serve.

    keep: so many older generations stay, for replicas that still read them.
    """
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    with _only_writer(root):
        raw = source.read(manifest.NAME, manifest.MAX_BYTES)
        wanted = manifest.parse(raw)
        present = _present(root)
        if present is not None and present.raw == wanted.raw and _has_sizes(root, wanted):
            return None
        if wanted.bytes > max_bytes:
            raise ValueError(f"{manifest.NAME}: {wanted.bytes} bytes of files, limit {max_bytes}")
        writing = root / ".writing"
        writing.mkdir(exist_ok=True)
        # The disk need not hold more than it does at the end. What a killed round has left of a file that is wanted is gone on with.
        names = {file.name for file in wanted.files}
        for path in writing.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in names:
                path.unlink()
        if present is not None:
            _remove_older(root, present, max(keep, 1) - 1, names)
        for file in wanted.files:
            if not _fits(root / file.name, file):
                _bring(source, file, writing / file.name)
                os.replace(writing / file.name, root / file.name)
        _sync(root)
        (writing / manifest.NAME).write_bytes(raw)
        _sync(writing / manifest.NAME)
        os.replace(writing / manifest.NAME, root / manifest.NAME)
        _sync(root)
        shutil.rmtree(writing)
        _remove_older(root, wanted, keep)
        return wanted


def push(directory: str | os.PathLike[str], target: S3Store) -> Manifest | None:
    """Puts the directory's generation into a bucket, the manifest last. None: it is there already."""
    root = Path(directory)
    wanted = manifest.parse(DirectoryStore(root).read(manifest.NAME, manifest.MAX_BYTES))
    with contextlib.suppress(FileNotFoundError):
        if target.read(manifest.NAME, manifest.MAX_BYTES) == wanted.raw:
            return None
    for file in wanted.files:
        if not _fits(root / file.name, file):
            raise ValueError(f"{root / file.name}: not the file of the manifest")
        if target.size(file.name) != file.bytes:  # no name is used twice for other bytes
            target.put(file.name, root / file.name, "public, max-age=31536000, immutable")
    target.put(manifest.NAME, root / manifest.NAME, "no-cache")
    return wanted


@contextlib.contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{root}: another process writes there") from None
        yield
    finally:
        os.close(descriptor)


def _has_sizes(root: Path, wanted: Manifest) -> bool:
    """Whether its files are there, by their sizes: their checksums were compared when they came."""
    try:
        return all((root / file.name).stat().st_size == file.bytes for file in wanted.files)
    except FileNotFoundError:
        return False


def _present(root: Path) -> Manifest | None:
    try:
        return manifest.parse(DirectoryStore(root).read(manifest.NAME, manifest.MAX_BYTES))
    except (FileNotFoundError, ValueError):
        return None


def _fits(path: Path, file: File) -> bool:
    try:
        return path.stat().st_size == file.bytes and xxh64.of_file(path) == file.xxh64
    except FileNotFoundError:
        return False


def _bring(source: DirectoryStore | HttpStore, file: File, path: Path) -> None:
    source.fetch(file.name, file.bytes, path)
    if not _fits(path, file):
        path.unlink()
        raise ValueError(f"{file.name}: its checksum is not that of the manifest")
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_older(root: Path, present: Manifest, keep: int, wanted: Collection[str] = ()) -> None:
    """Generations but the present one and those whose stores came last; nothing of another name, and nothing wanted."""
    generations: dict[str, list[Path]] = {}
    for path in root.iterdir():
        if manifest.is_file_of_a_snapshot(path.name) and path.name not in wanted:
            generations.setdefault(path.name.partition(".db")[0], []).append(path)
    generations.pop(present.files[0].name.removesuffix(".db"), None)
    by_age = sorted(generations.values(), key=lambda paths: max(path.stat().st_mtime_ns for path in paths))
    for paths in by_age[:max(len(by_age) - keep, 0)]:
        for path in paths:
            path.unlink(missing_ok=True)
