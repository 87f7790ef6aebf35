# SPDX-License-Identifier: Apache-2.0
"""Vectors of a Spark column.

    from minnow.spark import embed
    embed(spark.read.parquet("texts"), "text", "model.minnow").write.parquet("vectors")

Each Python worker loads the model once and keeps it for its later tasks. minnow must be installed where
the workers run. Needs pyspark 3.4 or newer with pandas and pyarrow: pip install "minnow[spark]".
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from minnow.workers import load_once

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def _path_on_worker(path: str) -> str:
    """The path itself where it exists, else the file of that name that the driver gave to addFile."""
    if os.path.exists(path):
        return path
    from pyspark import SparkFiles

    sent = SparkFiles.get(os.path.basename(path))
    if os.path.exists(sent):
        return sent
    raise FileNotFoundError(f"{path}: not on this worker, and not among the files that SparkContext.addFile sent")


def embed(
    df: DataFrame,
    column: str,
    model: str | os.PathLike[str],
    *,
    output: str = "vector",
    threads: int = 1,
    dtype: str = "auto",
    batch_size: int = 2048,
    **options: Any,
) -> DataFrame:
    """df with a column `output`, array<float>, of the vectors of the texts in `column`; of null, null.

    model: a path that each worker has, or the name of a file that `spark.sparkContext.addFile` sent.
    threads: of one task; more than 1 only where spark.task.cpus is as many.
    batch_size: texts a call. minnow sorts them by length, so that hundreds or more are best; Spark hands
        over at most spark.sql.execution.arrow.maxRecordsPerBatch (10,000) at once.
    options: those of Model.encode (prompt_name, truncate_dim, ...).
    """
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, FloatType, StringType

    if column not in df.columns:
        raise ValueError(f"column: {column!r} is none of {df.columns}")
    if not isinstance(df.schema[column].dataType, StringType):
        raise ValueError(f"column: {column!r} is of {df.schema[column].dataType.simpleString()}, not string")
    if batch_size < 1:
        raise ValueError(f"batch_size: {batch_size}, at least 1")
    path = os.fspath(model)

    def make_predict():
        loaded = load_once(_path_on_worker(path), threads, dtype)
        return lambda texts: loaded.encode(texts.tolist(), **options)

    vector = predict_batch_udf(make_predict, return_type=ArrayType(FloatType()), batch_size=batch_size)
    text = F.col("`" + column.replace("`", "``") + "`")
    # The function must give a matrix, which has no place for nulls: an empty text stands for each, and is taken out.
    return df.withColumn(output, F.when(text.isNotNull(), vector(F.coalesce(text, F.lit("")))))
