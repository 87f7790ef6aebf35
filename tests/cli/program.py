# SPDX-License-Identifier: Apache-2.0
"""The program under test, as its users start it. MINNOW_PROGRAM names it (default: build/release/minnow)."""
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MINNOW_PROGRAM") or str(ROOT / "build/release/minnow")
FIXTURES = ROOT / "tests/fixtures"
TINY = str(FIXTURES / "tiny_bert")


def environment(**extra):
    """Our own environment without settings that would reach the program."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MINNOW_") and k != "PORT"}
    if "MINNOW_ISA" in os.environ:
        kept["MINNOW_ISA"] = os.environ["MINNOW_ISA"]
    return {**kept, **extra}


def run(*arguments, stdin=b"", timeout=60, env=None, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([PROGRAM, *arguments], input=stdin, stderr=subprocess.PIPE, timeout=timeout,
                          env=environment(**(env or {})), **options)


def light_int8():
    """Whether this processor's products of 8-bit integers want light weights, which say less (docs/decisions/0006)."""
    return json.loads(run("cpu", "--json").stdout)["kernels"] in ("scalar", "avx2", "avx512", "neon")
