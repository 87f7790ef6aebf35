# SPDX-License-Identifier: Apache-2.0
"""Vectors of a column of a Ray Dataset.

    import minnow.ray
    minnow.ray.embed(ray.data.read_parquet("texts"), "text", "model.minnow", actors=8).write_parquet("vectors")

Each actor loads the model once. minnow must be installed where they run: pip install "minnow[ray]".
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from minnow.workers import load_once

if TYPE_CHECKING:
    import pyarrow
    import ray.data


class Embedder:
    """An actor of `embed`; for map_batches with batch_format="pyarrow"."""

    def __init__(self, column: str, model: str, output: str, threads: int, dtype: str, options: dict[str, Any]) -> None:
        import pyarrow  # noqa: F401  what makes encode_arrow answer with pyarrow's arrays

        self._model = load_once(model, threads, dtype)
        self._column, self._output, self._options = column, output, options

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        vectors = self._model.encode_arrow(batch.column(self._column), **self._options)
        place = batch.schema.get_field_index(self._output)
        if place < 0:
            return batch.append_column(self._output, vectors)
        return batch.set_column(place, self._output, vectors)


def embed(
    dataset: ray.data.Dataset,
    column: str,
    model: str | os.PathLike[str],
    *,
    actors: int,
    output: str = "vector",
    threads: int = 1,
    dtype: str = "auto",
    batch_size: int = 2048,
    **options: Any,
) -> ray.data.Dataset:
    """The dataset with a column `output`, new or in place of one, of the vectors of the texts in `column`; of null, null.

    model: a path that each node has.
    actors, threads: processes, and the cores that each of them takes; together those of the cluster.
    batch_size: texts a call. minnow sorts them by length, so that hundreds or more are best.
    options: those of Model.encode_arrow (prompt_name, truncate_dim, ...).
    """
    from ray.data import ActorPoolStrategy

    if actors < 1 or threads < 1 or batch_size < 1:
        raise ValueError(f"actors: {actors}, threads: {threads}, batch_size: {batch_size}; each at least 1")
    return dataset.map_batches(
        Embedder,
        fn_constructor_args=(column, os.fspath(model), output, threads, dtype, options),
        batch_format="pyarrow",
        batch_size=batch_size,
        zero_copy_batch=True,
        num_cpus=threads,
        compute=ActorPoolStrategy(size=actors),
    )
