#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/image/: what Pillow makes of picture files, and of pictures in other sizes.

    pip install pillow==12.3.0 numpy xxhash
    python3 tools/make_image_golden.py DATA

DATA is the folder of the test data, as in MINNOW_DATA. Hashes are XXH64 over pixels, row by row.
  files/         small pictures, made here, of what DATA lacks: EXIF's orientations, WebP, inks
  decoded.json   for each file its mode, size and hashes as RGB and RGBA, upright; or that Pillow refuses it
  cut.json       the same for files that are cut off, by the number of bytes that are left
  resized.json   for each size and filter the hash of what Image.resize makes of a picture that Noise (in
                 tests/golden/image_resize_test.cc) makes again
"""
import io
import json
import pathlib
import sys
import warnings

import numpy as np
import xxhash
from PIL import Image, ImageOps, PngImagePlugin

OUT = pathlib.Path(__file__).resolve().parents[1] / "tests/golden/image"
FOLDERS = ["img_pngsuite", "img_pngsuite_full", "img_jpeg", "img_skimage", "w_taesd_sd"]
FORMATS = ["PNG", "JPEG", "WEBP"]
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4}
ANIMATION = "animated.webp"


def noise(width, height, channels):
    """[height, width, channels]: bytes that look random, from their place."""
    i = np.arange(width * height * channels, dtype=np.uint64)
    return ((i * 2654435761 + 12345) % 2**32 >> 24).astype(np.uint8).reshape(height, width, channels)


def smooth(width, height, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    value = 128 + 60 * np.sin(x / 5 + c) + 60 * np.cos(y / 4 - c / 2)
    return value.clip(0, 255).astype(np.uint8)


def as_image(pixels):
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def hash_of(image):
    return xxhash.xxh64(image.tobytes()).hexdigest()


def decode(data):
    """What Pillow makes of a file's bytes, as decoded.json has it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            mode = image.mode
            if image.width * image.height > 2**24:
                return {"error": "too many pixels"}
            image.load()
            image = ImageOps.exif_transpose(image)
            return {"mode": mode, "size": list(image.size), "rgb": hash_of(image.convert("RGB")),
                    "rgba": hash_of(image.convert("RGBA")), "grey": hash_of(image.convert("L"))}
    except Exception as error:  # Pillow raises many kinds
        return {"error": type(error).__name__}


def make_files():
    """Name -> bytes."""
    files = {}

    def add(name, pixels, **options):
        image = pixels if isinstance(pixels, Image.Image) else as_image(pixels)
        buffer = io.BytesIO()
        image.save(buffer, format={"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.split(".")[-1]], **options)
        files[name] = buffer.getvalue()

    for orientation in range(0, 10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"orientation_{orientation}.jpg", smooth(24, 13, 3), exif=exif, quality=70)
    exif = Image.Exif()
    exif[0x0112] = 6
    add("orientation_6.png", smooth(7, 5, 4), exif=exif)
    add("orientation_6.webp", smooth(7, 5, 3), exif=exif)
    for name, sampling in {"444": 0, "422": 1, "420": 2}.items():
        add(f"sampling_{name}.jpg", smooth(37, 29, 3), subsampling=sampling)
        add(f"progressive_{name}.jpg", smooth(37, 29, 3), subsampling=sampling, progressive=True)
    add("grey.jpg", smooth(37, 29, 1))
    add("cmyk.jpg", as_image(smooth(37, 29, 4)).convert("CMYK"))
    add("cmyk_progressive.jpg", as_image(smooth(37, 29, 4)).convert("CMYK"), progressive=True)
    add("restart.jpg", smooth(37, 29, 3), restart_marker_blocks=2)
    add("rgb.jpg", smooth(37, 29, 3), keep_rgb=True)
    for name, options in {"lossy": {"quality": 60}, "lossless": {"lossless": True}}.items():
        add(f"{name}.webp", smooth(61, 43, 3), **options)
        add(f"{name}_alpha.webp", smooth(61, 43, 4), exact=True, **options)
        add(f"{name}_noise.webp", noise(33, 17, 3), **options)
    add("one_pixel.webp", smooth(1, 1, 3))
    frames = [as_image(smooth(40, 30, 3)), as_image(noise(40, 30, 3))]
    add(ANIMATION, frames[0], save_all=True, append_images=frames[1:], duration=100)
    frames = [Image.new("RGBA", (40, 30)), as_image(smooth(40, 30, 4))]
    frames[0].paste(as_image(smooth(10, 8, 4)), (6, 4))
    add("animated_alpha.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True, duration=100)
    wide = (noise(9, 7, 2).astype(np.uint16) * (1, 256)).sum(axis=2).astype(np.uint16)
    add("grey16.png", Image.fromarray(wide))
    add("palette_alpha.png", as_image(smooth(20, 10, 3)).quantize(7), transparency=b"\0\x40\xff")
    short = as_image(smooth(20, 10, 1)).convert("P")
    short.putpalette(bytes(range(30)))
    add("palette_short.png", short)
    for name, text in {"latin1": "caf\u00e9 on a hill\nSteps: 20", "unicode": "\u5c0f\u3055\u306a\u9b5a \U0001f41f"}.items():
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", text)
        add(f"parameters_{name}.png", smooth(3, 2, 3), pnginfo=info)
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", "\u5c0f" * 300, zip=True)
    add("parameters_zipped.png", smooth(3, 2, 3), pnginfo=info)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "fish " * 100, zip=True)
    add("parameters_ztxt.png", smooth(3, 2, 3), pnginfo=info)
    return files


def all_files(data, made):
    for name, content in sorted(made.items()):
        yield "files/" + name, content
    for folder in FOLDERS:
        for path in sorted((data / folder).rglob("*")):
            if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"):
                yield path.relative_to(data).as_posix(), path.read_bytes()


def cuts(name, content):
    for share in (0.02, 0.3, 0.7, 0.97):
        yield int(len(content) * share)
    for tail in (1, 2, 4, 12, 13):
        yield max(0, len(content) - tail)


def resize_cases():
    sizes = [(1, 1), (1, 7), (7, 1), (2, 3), (5, 5), (16, 9), (31, 64), (64, 31), (65, 63), (100, 3), (3, 100), (257, 129)]
    targets = [(1, 1), (1, 8), (8, 1), (3, 2), (8, 8), (16, 9), (63, 65), (64, 64), (128, 17), (300, 200)]
    for i, (width, height) in enumerate(sizes):
        for j, target in enumerate(targets):
            for channels in (1, 3, 4):
                yield (width, height), target, channels, "lanczos"
            yield (width, height), target, (1, 3, 4)[(i + j) % 3], ("nearest", "bilinear", "bicubic", "box")[(i + 2 * j) % 4]
    for target in ((512, 512), (448, 640), (32, 8), (1000, 5)):
        yield (640, 427), target, 3, "lanczos"
        yield (640, 427), target, 3, "nearest"


def main():
    data = pathlib.Path(sys.argv[1])
    made = make_files()
    (OUT / "files").mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (OUT / "files" / name).write_bytes(content)
    decoded, cut = {}, {}
    for name, content in all_files(data, made):
        decoded[name] = decode(content)
        if "rgb" in decoded[name] and (name.startswith("files/") or len(decoded) % 12 == 0) and len(content) < 100_000:
            cut[name] = {str(length): decode(content[:length]).get("rgb") for length in cuts(name, content)}
    resized = []
    for size, target, channels, name in resize_cases():
        image = as_image(noise(*size, channels)).resize(target, FILTERS[name])
        resized.append([*size, *target, channels, name, hash_of(image)])
    for name, value in {"decoded": decoded, "cut": cut}.items():
        lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
        (OUT / f"{name}.json").write_text(f"{{\n{lines}\n}}\n")
    (OUT / "resized.json").write_text("[\n" + ",\n".join(" " + json.dumps(one) for one in resized) + "\n]\n")


if __name__ == "__main__":
    main()
