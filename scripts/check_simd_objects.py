#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks into the object files: instruction-set code must stay in its own files, and give nothing away.

usage: check_simd_objects.py BUILD_DIR     (an optimised build without sanitizers)
1. Objects of src/kernels/{,scan_}{avx,amx,neon}*.cc define no weak, unique or inline symbol (nm types W V u): the linker might
   keep that copy for the whole program, which then ends with an illegal instruction on older machines.
2. No other object uses ymm, zmm or tile registers: ordinary code is baseline x86-64.
NM and OBJDUMP name the tools where they are not the system's.
"""
import os
import pathlib
import re
import subprocess
import sys

ISA_OBJECT = re.compile(r"/src/kernels/(scan_)?(avx|amx|neon)[a-z0-9_]*\.cc\.o$")
WIDE_REGISTER = re.compile(r"%[yz]mm\d|%tmm\d")


def shared_symbols(nm_output):
    """Lines of nm whose symbol another object could define too."""
    return [line for line in nm_output.splitlines() if re.search(r" [WVu] ", line)]


def wide_instructions(objdump_output):
    return [line for line in objdump_output.splitlines() if WIDE_REGISTER.search(line)]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check(objects):
    """Returns the breaches, a line each."""
    nm, objdump = os.environ.get("NM", "nm"), os.environ.get("OBJDUMP", "objdump")
    breaches = []
    for path in objects:
        if ISA_OBJECT.search(str(path)):
            for symbol in shared_symbols(run(nm, "-C", "--defined-only", str(path))):
                breaches.append(f"{path}: defines a symbol that other files may share: {symbol}")
        else:
            wide = wide_instructions(run(objdump, "-d", "--no-show-raw-insn", str(path)))
            if wide:
                breaches.append(f"{path}: {len(wide)} instructions beyond baseline, the first: {wide[0].strip()}")
    return breaches


def main():
    build = pathlib.Path(sys.argv[1])
    objects = sorted(build.glob("CMakeFiles/minnow_core.dir/src/**/*.o"))
    if not objects:
        print(f"{build}: no objects of minnow_core; build it first")
        return 1
    if not any(ISA_OBJECT.search(str(path)) for path in objects):
        print(f"{build}: no object of an instruction-set file among {len(objects)}")
        return 1
    breaches = check(objects)
    print("\n".join(breaches) or f"simd objects: {len(objects)} objects are clean")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
