# SPDX-License-Identifier: Apache-2.0
"""What the checks of engines share: texts, the vectors that they must have, and a folder to work in."""
import contextlib
import faulthandler
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "python/tests"), str(ROOT / "bench")]

import doc_blocks  # noqa: E402
import numpy as np  # noqa: E402

import minnow  # noqa: E402

BULK, SCALE = ROOT / "docs/how-to/bulk.md", ROOT / "docs/scale.md"
MODEL = "model.minnow"
PROGRAM = os.environ["MINNOW_PROGRAM"]
WANTED_RATIO = 0.85
SPEED = re.compile(r"(\d+) texts (\d+) tokens ([\d.]+) s: (\d+) texts/s (\d+) tokens/s")
ODD = ["", " ", "\u0000", "\ud7ff ß é 漢字 🐟", "a " * 3000, "line\nbreak\ttab", None]


def limit(seconds):
    """Whatever hangs is shown by its stacks, and ends."""
    faulthandler.dump_traceback_later(seconds, exit=True)


def real_lines(count):
    import bulk
    import ledger

    return bulk.real_lines(ledger.DATA, count)


def write_texts(texts, path="texts.jsonl"):
    pathlib.Path(path).write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)), encoding="utf-8")


def vectors_of(texts, threads=1):
    """{text: bytes of its vector}, by Python's encode; of None, None."""
    known = [text for text in texts if text is not None]
    matrix = minnow.Model(MODEL, threads=threads).encode(known)
    assert matrix.dtype == np.float32 and matrix.shape == (len(known), 384), matrix.shape
    return {None: None, **{text: row.tobytes() for text, row in zip(known, matrix)}}


def compare(rows, expected, name):
    """rows: pairs of a text and its vector, in any order; each text once, with the very bits."""
    seen = {}
    for text, vector in rows:
        assert text not in seen, f"{name}: {text!r} came twice"
        seen[text] = None if vector is None else np.asarray(vector, dtype=np.float32).tobytes()
    assert seen.keys() == expected.keys(), f"{name}: {len(seen)} texts of {len(expected)}"
    differ = [text for text, vector in seen.items() if vector != expected[text]]
    assert not differ, f"{name}: {len(differ)} of {len(seen)} vectors differ, the first of {differ[0]!r}"
    print(f"{name}: {len(seen)} texts, the same bits", flush=True)


def run_block(heading, path=BULK):
    return doc_blocks.run(path, heading)


@contextlib.contextmanager
def a_worker_dies(mark):
    """For the time of a job; the process must die in it."""
    mark, dead = pathlib.Path(mark), pathlib.Path(f"{mark}.dead")
    dead.unlink(missing_ok=True)
    mark.touch()
    yield
    assert dead.exists(), "no worker died"
    print(f"worker {dead.read_text()} was killed in the middle", flush=True)


def program_rate(lines):
    """texts/s of `minnow bench bulk` with two threads."""
    pathlib.Path("lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [PROGRAM, "bench", "bulk", "lines.txt", "--model", MODEL, "--threads", "2"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    return float(SPEED.search(out)[4])


def tell_rate(name, job, texts, reference):
    begin = time.monotonic()
    job()
    rate = len(texts) / (time.monotonic() - begin)
    ratio = rate / reference
    print(f"{name}: {rate:.0f} texts/s, {ratio:.3f} of the program's {reference:.0f} (wanted {WANTED_RATIO}){' missed' if ratio < WANTED_RATIO else ''}",
          flush=True)
