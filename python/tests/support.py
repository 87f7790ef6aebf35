# SPDX-License-Identifier: Apache-2.0
"""What the package's tests share: the program that their results are held against, models, other processes."""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
for _folder in ("tests/cli", "tests/server"):
    sys.path.insert(0, str(ROOT / _folder))

from program import FIXTURES, TINY, run  # noqa: E402,F401

REAL = pathlib.Path(os.environ.get("MINNOW_MODEL") or ROOT / "models/all-MiniLM-L6-v2")
WAIT_SECONDS = 60

# Of every length and script, some twice, one above the limit of every model here.
TEXTS = [
    "the cat sat on the mat", "", "dog", "Ünïcödé 漢字 🙂", "a", "the cat sat on the mat", "line\nbreak\ttab",
    "word " * 700, "\N{ZERO WIDTH JOINER}", "The quick brown fox jumps over the lazy dog." * 3,
]


def shell_vectors(model, texts, *arguments):
    """The bytes of `minnow embed` for each text."""
    import json
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    result = run("embed", "--model", str(model), "--output", "f32", "--json-input", *arguments, stdin=lines, timeout=300)
    if result.returncode != 0:
        raise AssertionError(result.stderr.decode())
    size = len(result.stdout) // max(len(texts), 1)
    return [result.stdout[i * size:(i + 1) * size] for i in range(len(texts))]


def rows(vectors):
    """The bytes of each row."""
    return [row.tobytes() for row in vectors]


def float_bytes(number):
    return struct.pack("<f", number)


def run_python(code, *arguments, timeout=WAIT_SECONDS, **environment):
    """Runs a program of Python in a process of its own, with this folder's modules; fails where it fails or hangs."""
    path = os.pathsep.join([str(pathlib.Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code, *map(str, arguments)], timeout=timeout,
                            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, **environment})
    if result.returncode != 0:
        raise AssertionError(f"exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def needs_real_model(test):
    return unittest.skipUnless((REAL / "model.safetensors").is_file(), "the real model is not there")(test)


class ModelCase(unittest.TestCase):
    """Has a folder for files."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
