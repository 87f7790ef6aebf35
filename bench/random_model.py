#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a directory of random weights in the shape of a config, with a tokenizer and a classifier's head: to measure
sizes and times of a model that is not at hand.

usage: bench/random_model.py DIR [--config bench/configs/xlm-roberta-base.json] [--tokenizer DIR] [--labels FILE]
--tokenizer: a folder whose tokenizer.json is linked to. --labels: id2label as JSON; without it there is no head. Families
of RoBERTa's names only. Needs numpy; the same bytes for the same version of it.
"""
import argparse
import json
import os
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER_ALIGNMENT = 8
CHUNK_FLOATS = 1 << 22


def shapes(config, labels):
    """[(name, shape)] of RobertaModel, or RobertaForSequenceClassification."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    prefix = "roberta." if labels else ""
    found = [(f"{prefix}embeddings.{name}_embeddings.weight", (config[rows], width)) for name, rows in
             (("word", "vocab_size"), ("position", "max_position_embeddings"), ("token_type", "type_vocab_size"))]
    def linear(name, n, k):
        found.extend([(f"{name}.weight", (n, k)), (f"{name}.bias", (n,))])
    def norm(name):
        found.extend([(f"{name}.weight", (width,)), (f"{name}.bias", (width,))])
    norm(f"{prefix}embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"{prefix}encoder.layer.{i}"
        for name in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{name}", width, width)
        linear(f"{layer}.attention.output.dense", width, width)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", inner, width)
        linear(f"{layer}.output.dense", width, inner)
        norm(f"{layer}.output.LayerNorm")
    if labels:
        linear("classifier.dense", width, width)
        linear("classifier.out_proj", len(labels), width)
    return found


def write_weights(path, tensors):
    header, offset = {}, 0
    for name, shape in tensors:
        size = int(np.prod(shape)) * 4
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    random = np.random.default_rng(1)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in tensors:
            left = int(np.prod(shape))
            ones = ".LayerNorm.weight" in name
            while left > 0:
                count = min(left, CHUNK_FLOATS)
                file.write(np.ones(count, "<f4") if ones else random.standard_normal(count, np.float32) * np.float32(0.02))
                left -= count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--config", type=pathlib.Path, default=ROOT / "bench/configs/xlm-roberta-base.json")
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--labels", type=pathlib.Path)
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    labels = json.loads(args.labels.read_text()) if args.labels else {}
    if labels:
        config["architectures"] = ["XLMRobertaForSequenceClassification"]
        config["id2label"] = labels
    args.directory.mkdir(parents=True, exist_ok=True)
    (args.directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_weights(args.directory / "model.safetensors", shapes(config, labels))
    if args.tokenizer:
        link = args.directory / "tokenizer.json"
        link.unlink(missing_ok=True)
        os.symlink((args.tokenizer / "tokenizer.json").resolve(), link)


if __name__ == "__main__":
    main()
