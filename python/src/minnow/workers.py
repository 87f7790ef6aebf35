# SPDX-License-Identifier: Apache-2.0
"""What a worker process of an engine (Spark, Ray, Dask, ...) needs: its model, loaded once.

    from minnow.workers import encode_series, load_once
    vectors = load_once("model.minnow").encode(texts)

An engine that runs one task a core wants one thread a task, so that is the default here; two threads
in each of two tasks only wait for each other.
"""
from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from minnow._model import Model

if TYPE_CHECKING:
    import pandas as pd

# A worker sees few models; what it no longer uses is unmapped.
_MAX_MODELS = 8


@functools.lru_cache(maxsize=_MAX_MODELS)
def _load(path: str, threads: int | None, dtype: str) -> Model:
    return Model(path, threads=threads, dtype=dtype)


def load_once(path: str | os.PathLike[str], threads: int | None = 1, dtype: str = "auto") -> Model:
    """The model of this path, threads and dtype: one in each process, however many tasks ask for it.

    A packed file is mapped, so that the processes of a machine share its pages. Another one takes its
    place by a rename (mv), never by writing into it, which ends processes that have it mapped; those
    that run keep what they have.
    """
    # Two threads that ask at once may both load it; that costs milliseconds, and no lock outlives a fork.
    name = os.fspath(path)
    return _load(name if name.startswith("builtin:") else os.path.abspath(name), threads, dtype)


def encode_series(
    texts: pd.Series, model: str | os.PathLike[str], *, threads: int | None = 1, dtype: str = "auto", **options: Any
) -> pd.Series:
    """A pandas Series of texts as a Series of vectors (numpy, float32), None where the text is null.

    options: those of Model.encode (prompt_name, truncate_dim, ...).
    """
    import pandas as pd

    if not isinstance(texts, pd.Series):
        raise TypeError(f"texts: expected a pandas Series, got {type(texts).__name__}")
    known = texts.notna().to_numpy()
    rows: list[Any] = [None] * len(texts)
    if known.any():
        try:
            vectors = iter(load_once(model, threads, dtype).encode(texts[known].tolist(), **options))
        except TypeError:
            # Its place is one among those that are known: say which of all it is.
            for place, text in enumerate(texts):
                if known[place] and not isinstance(text, str):
                    raise TypeError(f"texts[{place}]: expected str, got {type(text).__name__}") from None
            raise
        rows = [next(vectors) if there else None for there in known]
    return pd.Series(rows, index=texts.index, name=texts.name, dtype=object)
