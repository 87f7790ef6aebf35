#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the folders below src/, and the Python extension's beside it, to their layers: who may include whom
(docs/architecture.md).

usage: check_layers.py [ROOT]
Fails on an include that the table does not allow, on a folder that the table does not know, on a cycle between
folders, on a path that is not root-relative, and on an exception that nothing uses any more.
"""
import pathlib
import re
import sys

# folder -> folders that its files may include; nothing follows from what those include.
LAYERS = {
    "base": [],
    "kernels": ["base"],
    "formats": ["base"],
    "image": ["base"],
    "text": ["formats", "base"],
    "nn": ["kernels", "base"],
    "models": ["nn", "kernels", "formats", "base"],
    "index": ["kernels", "formats", "base"],
    "generation": ["formats", "base"],
    "diffusion": ["formats", "base"],
    "engine": ["base"],
    "tasks": ["generation", "diffusion", "models", "nn", "kernels", "text", "image", "formats", "base"],
    "ingest": ["index", "tasks", "nn", "text", "formats", "base"],
    "eval": ["ingest", "index", "tasks", "models", "formats", "base"],
    "serving": ["ingest", "index", "tasks", "generation", "models", "engine", "formats", "base"],
    "http": ["base"],
    "api": ["serving", "http", "ingest", "tasks", "generation", "index", "engine", "text", "image", "formats", "base"],
    "cli": ["api", "http", "serving", "eval", "ingest", "index", "engine", "tasks", "generation", "diffusion", "models", "nn",
            "text", "image", "kernels", "formats", "base"],
    "main": ["cli"],
    # python/csrc, whose includes begin with csrc/: what is below serving, as the shell has it.
    "csrc": ["tasks", "generation", "models", "nn", "text", "kernels", "formats", "base"],
}
# Folders of sources besides src/, by where their includes begin.
BESIDE = {"csrc": "python"}

# (folder or file of src/, included file) -> reason.
EXCEPTIONS = {
    ("tasks", "engine/task.h"): "a task is what the engine runs; the header is the interface between the two",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def sources(root):
    """(path, folder that its includes begin in) of every source."""
    places = [(root / "src", root / "src")] + [(root / above / name, root / above) for name, above in BESIDE.items()]
    for place, above in places:
        for path in sorted(place.rglob("*")):
            if path.suffix in (".h", ".cc", ".inc"):
                yield path, above


def folder_of(path, source_root):
    parts = path.relative_to(source_root).parts
    return parts[0] if len(parts) > 1 else pathlib.Path(parts[0]).stem


def find_cycle(edges):
    """One cycle of a folder graph as a list of folders, or None."""
    done, path = set(), []

    def visit(folder):
        if folder in path:
            return path[path.index(folder):] + [folder]
        if folder in done:
            return None
        path.append(folder)
        for below in sorted(edges.get(folder, ())):
            cycle = visit(below)
            if cycle:
                return cycle
        path.pop()
        done.add(folder)
        return None

    for start in sorted(edges):
        cycle = visit(start)
        if cycle:
            return cycle
    return None


def check(root, layers=None, exceptions=None):
    """Returns the breaches, a line each."""
    layers = LAYERS if layers is None else layers
    exceptions = EXCEPTIONS if exceptions is None else exceptions
    source_root = pathlib.Path(root) / "src"
    breaches, edges, used = [], {}, set()
    for path, above in sources(pathlib.Path(root)):
        folder = folder_of(path, above)
        if folder not in layers:
            breaches.append(f"{path}: folder '{folder}' is not in the table of scripts/check_layers.py")
            continue
        allowed = set(layers[folder]) | {folder}
        name = path.relative_to(above).as_posix()
        for included in INCLUDE.findall(path.read_text()):
            target = included.split("/")[0]
            if target == "tests" and path.name.endswith("_test.cc"):
                continue  # what tests share
            excused = {(folder, included), (name, included)} & set(exceptions)
            used |= excused
            if "/" not in included or target not in layers:
                breaches.append(f'{path}: "{included}" does not start with a folder of src/')
            elif target not in allowed and not excused:
                breaches.append(f'{path}: {folder} may not include "{included}"')
            if target != folder and not excused:
                edges.setdefault(folder, set()).add(target)
    cycle = find_cycle(edges)
    if cycle:
        breaches.append("folders include each other in a ring: " + " -> ".join(cycle))
    for user, included in sorted(set(exceptions) - used):
        if (source_root / included).exists() and (source_root / user).exists():
            breaches.append(f'scripts/check_layers.py: nothing uses the exception {user} -> "{included}"')
    return breaches


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    breaches = check(root)
    print("\n".join(breaches) or "layers: every include keeps to the table")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
