# SPDX-License-Identifier: Apache-2.0
"""Ray: the block of docs/how-to/bulk.md, an actor that is killed in the middle, the rate.

usage: check_ray.py ROUNDS [LINES]   in a folder with model.minnow; LINES texts for the rate (40,000; 0: none)
"""
import pathlib
import sys

import common

MARK = str(pathlib.Path("ray-dies").resolve())


def rows_of(dataset):
    return ((row["text"], row["vector"]) for row in dataset.iter_rows())


def main():
    common.limit(560)
    import ray

    import minnow.ray
    rounds, lines = int(sys.argv[1]), int((sys.argv + ["40000"])[2])
    texts = common.real_lines(2000) + common.ODD
    expected = common.vectors_of(texts)
    common.write_texts(texts)
    ray.init(num_cpus=3, include_dashboard=False, object_store_memory=1 << 30, logging_level="warning")
    ray.data.DataContext.get_current().enable_progress_bars = False
    common.run_block("Ray")
    common.compare(rows_of(ray.data.read_parquet("vectors-by-ray.parquet")), expected, "ray")
    for i in range(rounds):
        with common.a_worker_dies(MARK):
            dataset = minnow.ray.embed(ray.data.read_json("texts.jsonl"), "text", common.MODEL, actors=2, batch_size=128).materialize()
        common.compare(rows_of(dataset), expected, f"ray, round {i + 1} with an actor killed")
    if lines:
        texts = common.real_lines(lines)
        reference = common.program_rate(texts)
        common.write_texts(texts, "many.jsonl")
        many = ray.data.read_json("many.jsonl").repartition(8).materialize()

        def job():
            minnow.ray.embed(many, "text", common.MODEL, actors=2).materialize()

        common.tell_rate("ray, 2 actors, their start included", job, texts, reference)
    ray.shutdown()


if __name__ == "__main__":
    main()
