#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs tiny checkpoints of tests/fixtures into tests/fixtures/packed_vN, with the vectors they must give for ever.

usage: make_packed_fixture.py PROGRAM FOLDER
Run once for each version of the packed format, with the first program that writes it. It refuses to replace a file.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/cli"))
import classifier_model  # noqa: E402

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "tests/fixtures"
# model, precision of the products, of the embedding tables
FILES = [("tiny_bert", "int8", "int8"), ("tiny_bert", "int8", "int4"), ("tiny_bert_sharded", "bf16", "bf16"),
         ("tiny_roberta", "fp32", "fp32")]
TEXTS = ["a small fish", "the sea is deep and the fish are many", "unaffable fish! \u00c7a va"]


def run(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout


def main():
    program, folder = sys.argv[1], FIXTURES / sys.argv[2]
    folder.mkdir(exist_ok=False)
    files = []
    for model, dtype, embedding in FILES:
        name = f"{model}_{dtype}_{embedding}.minnow"
        run(program, "pack", "--model", str(FIXTURES / model), "--dtype", dtype, "--embedding-dtype", embedding,
            "-o", str(folder / name))
        lines = run(program, "embed", "--model", str(folder / name), *TEXTS).decode().splitlines()
        files.append({"name": name, "texts": [{"text": text, "vector": [round(x, 6) for x in json.loads(line)]}
                                              for text, line in zip(TEXTS, lines)]})
    classifier = folder / "tiny_distilbert_int8_int8.minnow"
    with tempfile.TemporaryDirectory() as scratch:
        directory = classifier_model.make(pathlib.Path(scratch) / "tiny_distilbert")
        run(program, "pack", "--model", directory, "--dtype", "int8", "-o", str(classifier))
    scores = [json.loads(line) for line in run(program, "classify", "--model", str(classifier), *TEXTS).splitlines()]
    classifiers = [{"name": classifier.name, "texts": [{"text": text, "scores": one} for text, one in zip(TEXTS, scores)]}]
    (folder / "golden.json").write_text(json.dumps({"files": files, "classifiers": classifiers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
