# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this folder share: the machine's description and entries of RESULTS.md."""
import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("MINNOW_DATA", ROOT.parent / "shared/data"))


def parser(doc, peers):
    """A parser of the options that all scripts have; with `peers` also the folder of the peers."""
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--minnow", type=pathlib.Path, default=ROOT / "build/release/minnow")
    result.add_argument("--append", action="store_true", help="add the result to bench/RESULTS.md")
    result.add_argument("--note", default="", help="a sentence that stands below the figures")
    if peers:
        result.add_argument("--peers", type=pathlib.Path, required=True, help="folder made by the peers' setup.sh")
        result.add_argument("--peer-scripts", type=pathlib.Path, default=ROOT.parent / "shared/peers",
                            help="where bench_encoder.py and serve_fastapi.py are")
    return result


def run(command, **environment):
    """What a program prints; ends this one where that fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=dict(os.environ, **environment))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def packed(minnow, model, dtype, folder):
    """`model` as it is when it is a file, else packed into `folder`."""
    if model.is_file():
        return model
    path = pathlib.Path(folder) / f"{dtype}.minnow"
    if not path.exists():
        run([minnow, "pack", "--model", model, "--dtype", dtype, "-o", path])
    return path


def versions(peers, *packages):
    code = "import sys; from importlib.metadata import version; print(', '.join(p + ' ' + version(p) for p in sys.argv[1:]))"
    return run([peers / "venv/bin/python", "-c", code, *packages]).strip()


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.*)", text)
    flags = set(re.search(r"flags\s*:\s*(.*)", text)[1].split()) if "flags" in text else set()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8") if flag in flags]
    family = re.search(r"cpu family\s*:\s*(\d+)", text)
    isa = f", MINNOW_ISA={os.environ['MINNOW_ISA']}" if os.environ.get("MINNOW_ISA") else ""
    return (f"{name[1] if name else 'unknown'} (family {family[1] if family else '?'}, {' '.join(known)}), {os.cpu_count()} cores, "
            f"load {os.getloadavg()[0]:.1f} at the start{isa}")


def report(args, title, start, body):
    """Prints the result, and with --append adds it to the ledger. `start`: machine() before the measurement."""
    print(f"{start}\n\n{body}")
    if not args.append:
        return
    note = f"\n{args.note}\n" if args.note else ""
    command = f"bench/{pathlib.Path(sys.argv[0]).name}"
    with open(ROOT / "bench/RESULTS.md", "a", encoding="utf-8") as ledger:
        ledger.write(f"\n## {datetime.date.today().isoformat()}: {title}\n\n{start}.\n`{command}`\n\n{body}\n{note}")
