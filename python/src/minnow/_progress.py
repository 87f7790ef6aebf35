# SPDX-License-Identifier: Apache-2.0
"""How far a call is: tqdm's bar where tqdm is there, else a line on standard error."""
from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(shown: bool | None, total: int | None) -> Iterator[Callable[[int], object] | None]:
    """Gives what is to be called with the number of texts that are done, or None."""
    if not shown:
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        line = _Line(total)
        try:
            yield line.show
        finally:
            line.end()
        return
    with tqdm(total=total, unit="text", desc="minnow") as bar:
        yield lambda done: bar.update(done - bar.n)


class _Line:
    """"12000 of 40000 texts, 830 texts/s", written over itself."""

    def __init__(self, total: int | None) -> None:
        self._of = "" if total is None else f" of {total}"
        self._begin = time.monotonic()
        self._written = False

    def show(self, done: int) -> None:
        seconds = max(time.monotonic() - self._begin, 1e-9)
        sys.stderr.write(f"\r{done}{self._of} texts, {done / seconds:.0f} texts/s ")
        sys.stderr.flush()
        self._written = True

    def end(self) -> None:
        if self._written:
            sys.stderr.write("\n")
