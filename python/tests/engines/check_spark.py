# SPDX-License-Identifier: Apache-2.0
"""Spark: the block of docs/how-to/bulk.md, what `embed` refuses, a worker that is killed in the middle, the rate.

usage: check_spark.py ROUNDS [LINES]   in a folder with model.minnow; LINES texts for the rate (40,000; 0: none)
"""
import os
import pathlib
import shutil
import sys

import common

MARK = str(pathlib.Path("spark-dies").resolve())


def session(master):
    from pyspark.sql import SparkSession

    return (SparkSession.builder.master(master).config("spark.ui.enabled", "false").config("spark.driver.memory", "2g")
            .config("spark.python.worker.faulthandler.enabled", "true").config("spark.local.dir", os.getcwd()).getOrCreate())


def refusals(spark):
    from minnow.spark import embed
    frame = spark.createDataFrame([(1, "x")], "id int, `a b.c` string")
    for column, options in (("none", {}), ("id", {}), ("a b.c", {"batch_size": 0})):
        try:
            embed(frame, column, common.MODEL, **options)
        except ValueError as error:
            print(f"refused: {error}", flush=True)
        else:
            raise AssertionError(f"{column} {options} was not refused")
    # A name that needs quotes; and a model that Spark sends, since no worker has it at that path.
    os.makedirs("elsewhere", exist_ok=True)
    shutil.copyfile(common.MODEL, "elsewhere/sent.minnow")
    spark.sparkContext.addFile(os.path.abspath("elsewhere/sent.minnow"))
    rows = embed(frame, "a b.c", "sent.minnow", output="v").collect()
    common.compare(((row[1], row.v) for row in rows), {"x": common.vectors_of(["x"])["x"]}, "spark, a model by addFile")


def main():
    common.limit(560)
    from minnow.spark import embed
    rounds, lines = int(sys.argv[1]), int((sys.argv + ["40000"])[2])
    texts = common.real_lines(2000) + common.ODD
    expected = common.vectors_of(texts)
    common.write_texts(texts)
    spark = session("local[2,4]")
    common.run_block("Spark")
    written = spark.read.parquet("vectors.parquet")
    common.compare(((row.text, row.vector) for row in written.collect()), expected, "spark")
    refusals(spark)
    frame = spark.read.json("texts.jsonl").repartition(4)
    for i in range(rounds):
        with common.a_worker_dies(MARK):
            rows = embed(frame, "text", common.MODEL, batch_size=128).collect()
        common.compare(((row.text, row.vector) for row in rows), expected, f"spark, round {i + 1} with a worker killed")
    if lines:
        texts = common.real_lines(lines)
        reference = common.program_rate(texts)
        common.write_texts(texts, "many.jsonl")
        # In memory, in as many parts as there are cores: reading the file is not what is measured.
        many = spark.read.json("many.jsonl").repartition(4).cache()
        many.count()
        job = embed(many, "text", common.MODEL).write.format("noop").mode("overwrite")
        job.save()  # workers start, and load the model
        common.tell_rate("spark local[2]", job.save, texts, reference)
    spark.stop()


if __name__ == "__main__":
    main()
