# SPDX-License-Identifier: Apache-2.0
"""The manifest of a snapshot (src/index/SNAPSHOT.md), which may come from anywhere: what a mirror acts on is checked."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from minnow.sync import xxh64

NAME = "snapshot.json"
MAX_BYTES = 1 << 20
_MAX_FILE_BYTES = 1 << 44  # of all together too
_MAX_GENERATION = (1 << 53) - 1
_MAX_FILES, _MAX_INDEXES = 1000, 10_000
_HEAD = re.compile(rb'\{"xxh64":"([0-9a-f]{16})",')
_STORE = re.compile(r"([1-9][0-9]{0,15})-([0-9a-f]{16})\.db")
_SIDECAR = re.compile(r"-vectors-([1-9][0-9]{0,18})")
_DIGEST = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class File:
    name: str
    bytes: int
    xxh64: str


@dataclass(frozen=True)
class Manifest:
    raw: bytes
    generation: int
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def parse(raw: bytes) -> Manifest:
    """ValueError names the member and its limit."""
    if len(raw) > MAX_BYTES:
        raise ValueError(f"{NAME}: above {MAX_BYTES} bytes")
    head = _HEAD.match(raw)
    if not head:
        raise ValueError(f"{NAME}: does not begin with its checksum")
    if xxh64.of_bytes(raw[head.end():]).encode() != head[1]:
        raise ValueError(f"{NAME}: its checksum differs")
    try:
        top = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_name_twice, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{NAME}: {error}") from None
    if _member(top, "format", str) != "minnow-snapshot":
        raise ValueError(f"{NAME}: format: not 'minnow-snapshot'")
    _number(top, "version", 1, 1)
    generation = _number(top, "generation", 1, _MAX_GENERATION)
    _number(top, "created_unix_ms", 0, _MAX_GENERATION)
    _member(top, "program", str)
    if len(_member(top, "indexes", list)) > _MAX_INDEXES:
        raise ValueError(f"{NAME}: indexes: more than {_MAX_INDEXES}")
    return Manifest(raw, generation, _files(_member(top, "files", list), generation))


def is_file_of_a_snapshot(name: str) -> bool:
    """Whether a writer or a mirror may have made, and may remove, a file of this name."""
    store = _STORE.match(name)
    return store is not None and (store.end() == len(name) or _SIDECAR.fullmatch(name, store.end()) is not None)


def _files(listed: list[Any], generation: int) -> tuple[File, ...]:
    if not 1 <= len(listed) <= _MAX_FILES:
        raise ValueError(f"{NAME}: files: {len(listed)}, 1 to {_MAX_FILES}")
    files = []
    for i, entry in enumerate(listed):
        where = f"files[{i}]."
        if not isinstance(entry, dict):
            raise ValueError(f"{NAME}: files[{i}]: no object")
        digest = _member(entry, "xxh64", str, where)
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{NAME}: {where}xxh64: not 16 hexadecimal digits")
        files.append(File(_member(entry, "name", str, where), _number(entry, "bytes", 1, _MAX_FILE_BYTES, where), digest))
    if files[0].name != f"{generation}-{files[0].xxh64}.db":
        raise ValueError(f"{NAME}: files[0].name: not GENERATION-XXH64.db of the store")
    for i, file in enumerate(files[1:], 1):
        if not file.name.startswith(files[0].name) or not _SIDECAR.fullmatch(file.name[len(files[0].name):]):
            raise ValueError(f"{NAME}: files[{i}].name: not the store's with -vectors-ID")
    if len({file.name for file in files}) < len(files):
        raise ValueError(f"{NAME}: files: a name stands twice")
    if sum(file.bytes for file in files) > _MAX_FILE_BYTES:
        raise ValueError(f"{NAME}: files: above {_MAX_FILE_BYTES} bytes together")
    return tuple(files)


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _member(holder: Any, name: str, kind: type, where: str = "") -> Any:
    value = holder.get(name) if isinstance(holder, dict) else None
    if type(value) is not kind:  # True is no number
        raise ValueError(f"{NAME}: {where}{name}: absent, or not of type {kind.__name__}")
    return value


def _number(holder: Any, name: str, least: int, most: int, where: str = "") -> int:
    value = _member(holder, name, int, where)
    if not least <= value <= most:
        raise ValueError(f"{NAME}: {where}{name}: out of range, {least} to {most}")
    return value
