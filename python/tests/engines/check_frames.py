# SPDX-License-Identifier: Apache-2.0
"""The blocks of docs/how-to/bulk.md for engines of one process, of Dask, and LanceDB's of docs/scale.md: the same bits.

usage: check_frames.py pandas|polars|duckdb|dask|lancedb|program ...   in a folder with model.minnow
"""
import subprocess
import sys

import common
import numpy as np


def pandas():
    frame = common.run_block("pandas")["frame"]
    return zip(frame["text"].astype(object).where(frame["text"].notna(), None), frame["vector"])


def polars():
    frame = common.run_block("Polars")["frame"]
    return zip(frame["text"].to_list(), frame["vector"].to_list())


def duckdb():
    table = common.run_block("DuckDB")["table"]
    return zip(table["text"].to_pylist(), table["vector"].to_pylist())


def dask():
    table = common.run_block("Dask")["table"]
    return zip(table["text"].astype(object).where(table["text"].notna(), None), table["vector"])


def lancedb():
    names = common.run_block("LanceDB", common.SCALE)
    table, hits = names["table"].to_arrow(), names["hits"]
    assert len(hits) == 5, hits
    return zip(table["text"].to_pylist(), table["vector"].to_pylist())


def program(texts):
    """The program's own vectors, of all that its lines can hold."""
    texts = [text for text in texts if text is not None]
    lines = "".join(common.json.dumps(text) + "\n" for text in texts)
    command = [common.PROGRAM, "embed", "--model", common.MODEL, "--json-input", "--output", "f32", "--threads", "2"]
    out = subprocess.run(command, input=lines.encode(), check=True, capture_output=True, timeout=300).stdout
    return zip(texts, np.frombuffer(out, "<f4").reshape(len(texts), -1))


def main():
    common.limit(280)
    texts = common.real_lines(3000) + common.ODD
    common.write_texts(texts)
    expected = common.vectors_of(texts)
    assert expected == common.vectors_of(texts, threads=2), "two threads give other bits than one"
    known = {text: vector for text, vector in expected.items() if text is not None}
    for name in sys.argv[1:]:
        if name == "program":
            common.compare(program(texts), known, name)
        else:
            common.compare(globals()[name](), known if name == "lancedb" else expected, name)


if __name__ == "__main__":
    main()
