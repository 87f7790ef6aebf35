# SPDX-License-Identifier: Apache-2.0
"""PNG files for tests, and the tiny Stable Diffusion that they ask for pictures."""
import os
import pathlib
import struct
import zlib

from program import ROOT

DATA = pathlib.Path(os.environ.get("MINNOW_DATA") or ROOT / "../shared/data").resolve()
MODEL = DATA / "sd_tiny"
PROMPT = "a photo of an astronaut riding a horse on mars"


def chunks(data):
    at = 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def bytes_of(file):
    return file if isinstance(file, bytes) else pathlib.Path(file).read_bytes()


def paeth(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))


def read_png(file):
    """Width, height and the bytes of an RGB PNG of 8 bits without interlacing; `file`: a path, or what is in it."""
    parts = list(chunks(bytes_of(file)))
    width, height, *kind = struct.unpack(">IIBBBBB", parts[0][1])
    assert kind == [8, 2, 0, 0, 0], kind
    raw = zlib.decompress(b"".join(data for name, data in parts if name == b"IDAT"))
    size, before, pixels = 3 * width, bytes(3 * width), bytearray()
    for y in range(height):
        kind, line = raw[y * (size + 1)], bytearray(raw[y * (size + 1) + 1:(y + 1) * (size + 1)])
        for x in range(size):
            left, corner = (line[x - 3], before[x - 3]) if x >= 3 else (0, 0)
            up = before[x]
            line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth(left, up, corner))[kind]) & 255
        pixels += line
        before = line
    return width, height, bytes(pixels)


def png(width, height, rows, colour=0):
    """A PNG of 8 bits a channel; colour: 0 grey, 2 RGB, 6 RGBA."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    pixels = b"".join(b"\0" + row for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def write_png(path, width, height, grey):
    path.write_bytes(png(width, height, [bytes([grey]) * width] * height))


def text_of(file):
    for kind, data in chunks(bytes_of(file)):
        if kind == b"tEXt" and data.startswith(b"parameters\0"):
            return data[len(b"parameters\0"):].decode("latin-1")
    return None
