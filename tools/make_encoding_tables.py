#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/ingest/input/encoding_tables.bin, the two-byte codes of cp949, shift_jis (Windows' code page 932) and gb18030.

Each table has a code point for each lead byte 0x81..0xFE and each trail byte 0x40..0xFE, 0 for none; it is written as
differences to the code before, low bytes first and high bytes behind, which halves its size under zlib. Prints the
checksums that src/ingest/input/encoding_test.cc compares: CRC-32 of what Python's codec makes of every sequence.

    python3 tools/make_encoding_tables.py
"""
import pathlib
import zlib

TARGET = pathlib.Path(__file__).parent.parent / "src/ingest/input/encoding_tables.bin"
LEADS, TRAILS = range(0x81, 0xFF), range(0x40, 0xFF)
CODECS = {"cp949": "cp949", "shift_jis": "cp932", "gb18030": "gb18030"}
FOUR_BYTE_CODES = 39420 + 200  # and some that mean nothing


def decode(codec, code):
    try:
        return code.decode(codec)
    except UnicodeDecodeError:
        return None


def planes(codec):
    differences, before = [], 0
    for lead in LEADS:
        for trail in TRAILS:
            text = decode(codec, bytes([lead, trail]))
            point = ord(text) if text is not None and len(text) == 1 else 0
            differences.append((point - before) % 0x10000 if point else 0)
            before = point or before
    return bytes(d & 0xFF for d in differences) + bytes(d >> 8 for d in differences)


def checksum(codec, codes):
    total = 0
    for code in codes:
        text = decode(codec, code)
        total = zlib.crc32(b"\xff" if text is None else text.encode() + b"\n", total)
    return total


def four_bytes(number):
    return bytes([0x81 + number // 12600, 0x30 + number // 1260 % 10, 0x81 + number // 10 % 126, 0x30 + number % 10])


def main():
    packed = zlib.compress(b"".join(planes(codec) for codec in CODECS.values()), 9)
    TARGET.write_bytes(packed)
    print(f"{TARGET.name}: {len(packed)} bytes")
    pairs = [bytes([lead, trail]) for lead in range(0x80, 0x100) for trail in range(0x100)]
    for name, codec in CODECS.items():
        print(f"{name}: {checksum(codec, pairs):#010x}")
    beyond = range(189000, 189000 + 0x110000 - 0x10000 + 200)
    print(f"four bytes: {checksum('gb18030', map(four_bytes, [*range(FOUR_BYTE_CODES), *beyond])):#010x}")
    print(f"windows-1252: {checksum('cp1252', [bytes([b]) for b in range(0x100)]):#010x}")


if __name__ == "__main__":
    main()
