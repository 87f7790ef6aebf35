# SPDX-License-Identifier: Apache-2.0
"""The vectors of each model, precision and instruction set have the bits that are committed beside this file.

A change of bits is a change that users of stored vectors notice: it needs a reason in CHANGELOG.md, and
`tests/golden/vectors_test.py --write PROGRAM...` writes the digests of that program. PROGRAM... may start with an
emulator (qemu-aarch64-static), whose instruction sets are added.
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIGESTS = pathlib.Path(__file__).with_name("vectors.json")
PROGRAM = [os.environ.get("MINNOW_PROGRAM") or str(ROOT / "build/release/minnow")]
REAL = pathlib.Path(os.environ.get("MINNOW_MODEL") or ROOT / "models/all-MiniLM-L6-v2")
TINY = ("tiny_bert", "tiny_bert_odd", "tiny_bert_sharded", "tiny_roberta")
DTYPES = ("fp32", "bf16", "int8")
SLOW = ("scalar", "neon")  # minutes with the real model, as reference or under an emulator

TEXTS = [
    "x", "fish", "a small fish", "The sea is deep, and the fish in it are many.", "How do I reset my password?",
    "unaffable fish! [MASK]", "1984 was 1,984 pages long (price: $19.84).", "HTTP/1.1 404 Not Found", "  spaces   and\ttabs  ",
    "Ça va? Où est la bibliothèque?", "Der Fluß ist tief und die Fische sind viele.", "Il mare è profondo.",
    "Рыба живёт в море.", "Τα ψάρια ζουν στη θάλασσα.", "السمك يعيش في البحر", "הדג חי בים", "मछली समुद्र में रहती है।",
    "魚は海に住んでいます。", "물고기는 바다에 산다.", "鱼生活在海里。", "ปลาอาศัยอยู่ในทะเล", "🐟 swims with 🐠", "naïve café, e\u0301",
    "a-b_c/d\\e@f.g", "SHOUTING IS NOT A WORD", "if (a < b) { return c[0] * 2; }", "word " * 30, "fish and sea " * 11,
    "The quick brown fox jumps over the lazy dog. " * 9, "a small fish in a deep sea " * 60, "z" * 180, "。" * 90,
]


def environment(**extra):
    return {**{k: v for k, v in os.environ.items() if not k.startswith("MINNOW_")}, **extra}


def run(program, *arguments, isa="", stdin=b""):
    env = environment(**({"MINNOW_ISA": isa} if isa else {}))
    done = subprocess.run([*program, *arguments], input=stdin, capture_output=True, timeout=280, env=env, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}, {isa}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def models():
    found = {name: ROOT / "tests/fixtures" / name for name in TINY}
    if (REAL / "model.safetensors").exists() and REAL.resolve().name == "all-MiniLM-L6-v2":
        found["all-MiniLM-L6-v2"] = REAL
    return found


def digest(program, directory, dtype, isa):
    """Of all texts in one batch."""
    lines = "".join(json.dumps(text) + "\n" for text in TEXTS)
    vectors = run(program, "embed", "--model", str(directory), "--dtype", dtype, "--threads", "2", "--output", "f32",
                  "--json-input", isa=isa, stdin=lines.encode())
    if len(vectors) % (4 * len(TEXTS)) != 0 or not vectors:
        raise AssertionError(f"{directory}, {dtype}, {isa}: {len(vectors)} bytes for {len(TEXTS)} texts")
    return hashlib.sha256(vectors).hexdigest()[:16]


def digests(program):
    """{model: {dtype: {instruction set: digest}}} of what runs here."""
    isas = json.loads(run(program, "cpu", "--json"))["available_kernels"]
    result = {}
    for name, directory in models().items():
        for dtype in DTYPES:
            for isa in isas:
                if name in TINY or not isa.startswith(SLOW):
                    result.setdefault(name, {}).setdefault(dtype, {})[isa] = digest(program, directory, dtype, isa)
    return result


class Vectors(unittest.TestCase):
    def test_bits_are_as_committed(self):
        expected = json.loads(DIGESTS.read_text())
        for name, dtypes in digests(PROGRAM).items():
            for dtype, isas in dtypes.items():
                for isa, found in isas.items():
                    with self.subTest(model=name, dtype=dtype, isa=isa):
                        self.assertEqual(found, expected[name][dtype].get(isa, "(none committed)"))


def write(program):
    kept = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    for name, dtypes in digests(program).items():
        for dtype, isas in dtypes.items():
            kept.setdefault(name, {}).setdefault(dtype, {}).update(isas)
    DIGESTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--write":
        sys.exit("usage: vectors_test.py --write PROGRAM...")
    write(sys.argv[2:])
