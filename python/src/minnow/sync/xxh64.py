# SPDX-License-Identifier: Apache-2.0
"""XXH64 (seed 0) of bytes or of a file: by the extension, or, without it, in Python at some megabytes a second."""
from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable

try:
    from minnow._core import xxh64 as _native
except ImportError:
    _native: Callable[[object], int] | None = None

_MASK = (1 << 64) - 1
_P1, _P2, _P3, _P4, _P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def _rotl(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotl((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def plain(data: bytes | memoryview | mmap.mmap) -> int:
    """The definition, lane by lane."""
    view = memoryview(data)
    whole = len(view) // 32 * 32
    if whole:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        for words in struct.iter_unpack("<4Q", view[:whole]):
            lanes = [_round(lane, word) for lane, word in zip(lanes, words)]
        h = sum(_rotl(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & _MASK
        for lane in lanes:
            h = ((h ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        h = _P5
    h = (h + len(view)) & _MASK
    rest = bytes(view[whole:])
    view.release()
    while len(rest) >= 8:
        h = (_rotl(h ^ _round(0, struct.unpack_from("<Q", rest)[0]), 27) * _P1 + _P4) & _MASK
        rest = rest[8:]
    if len(rest) >= 4:
        h = (_rotl(h ^ (struct.unpack_from("<I", rest)[0] * _P1 & _MASK), 23) * _P2 + _P3) & _MASK
        rest = rest[4:]
    for byte in rest:
        h = _rotl(h ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    h = (h ^ (h >> 33)) * _P2 & _MASK
    h = (h ^ (h >> 29)) * _P3 & _MASK
    return h ^ (h >> 32)


def of_bytes(data: bytes | mmap.mmap) -> str:
    """As 16 hexadecimal digits."""
    return f"{(_native or plain)(data):016x}"


def of_file(path: str | os.PathLike[str]) -> str:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return of_bytes(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return of_bytes(data)
