# SPDX-License-Identifier: Apache-2.0
"""Classifiers made of the tiny BERT of tests/fixtures, whose hidden states are known from another implementation.

The head passes the first numbers of the first token's hidden state on: logits are f(hidden[0][:n]) * 2 + 0.5 * label.
"""
import json
import math
import pathlib
import shutil
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/fixtures/tiny_bert"
GOLDEN = json.loads((TINY / "golden.json").read_text())
CASE = next(case for case in GOLDEN["cases"] if "hidden" in case)
LABELS = ["it", "en", "de"]
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")

DISTILBERT_FIELDS = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
                     "intermediate_size": "hidden_dim", "hidden_act": "activation"}
DISTILBERT_NAMES = (("encoder.layer.", "transformer.layer."), ("attention.self.query", "attention.q_lin"),
                    ("attention.self.key", "attention.k_lin"), ("attention.self.value", "attention.v_lin"),
                    ("attention.output.dense", "attention.out_lin"), ("attention.output.LayerNorm", "sa_layer_norm"),
                    ("intermediate.dense", "ffn.lin1"), (".output.dense", ".ffn.lin2"), (".output.LayerNorm", ".output_layer_norm"))


def read_tensors(path):
    """{name: (shape, floats)} of a safetensors file in fp32."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            assert entry["dtype"] == "F32", name
            tensors[name] = (entry["shape"], struct.unpack(f"<{(end - begin) // 4}f", body[begin:end]))
    return tensors


def write_tensors(path, tensors):
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def head(width, labels):
    """A dense layer that passes its input on, and one that takes its first numbers."""
    identity = [1.0 if i % (width + 1) == 0 else 0.0 for i in range(width * width)]
    out = [2.0 if column == label else 0.0 for label in range(labels) for column in range(width)]
    return ([width, width], identity), ([width], [0.0] * width), ([labels, width], out), ([labels], [0.5 * i for i in range(labels)])


def distilbert_tensors(tensors, width, labels):
    """The same model under DistilBERT's names; the row of the first token type goes into the positions."""
    tensors = dict(tensors)
    row = tensors.pop("embeddings.token_type_embeddings.weight")[1][:width]
    shape, positions = tensors["embeddings.position_embeddings.weight"]
    tensors["embeddings.position_embeddings.weight"] = (shape, [x + row[i % width] for i, x in enumerate(positions)])
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith("pooler."):
            continue
        for old, new in DISTILBERT_NAMES:
            name = name.replace(old, new)
        renamed["distilbert." + name] = tensor
    weight, bias, out, out_bias = head(width, labels)
    return {**renamed, "pre_classifier.weight": weight, "pre_classifier.bias": bias, "classifier.weight": out,
            "classifier.bias": out_bias}


def bert_tensors(tensors, width, labels):
    weight, bias, out, out_bias = head(width, labels)
    renamed = {"bert." + name: tensor for name, tensor in tensors.items() if not name.startswith("pooler.")}
    return {**renamed, "bert.pooler.dense.weight": weight, "bert.pooler.dense.bias": bias, "classifier.weight": out,
            "classifier.bias": out_bias}


def electra_tensors(tensors, width, labels):
    weight, bias, out, out_bias = head(width, labels)
    renamed = {"electra." + name: tensor for name, tensor in tensors.items() if not name.startswith("pooler.")}
    return {**renamed, "classifier.dense.weight": weight, "classifier.dense.bias": bias, "classifier.out_proj.weight": out,
            "classifier.out_proj.bias": out_bias}


ACTIVATIONS = {"distilbert": lambda x: max(x, 0.0), "bert": math.tanh, "electra": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2}


def make(directory, family="distilbert", labels=len(LABELS), tokenizer=True, **fields):
    """Writes the model; `fields` replace those of config.json, and None drops one."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = json.loads((TINY / "config.json").read_text())
    width = config["hidden_size"]
    tensors = read_tensors(TINY / "model.safetensors")
    if family == "distilbert":
        config = {DISTILBERT_FIELDS.get(key, key): value for key, value in config.items()}
        for field in ("type_vocab_size", "layer_norm_eps", "position_embedding_type"):
            config.pop(field)
        tensors = distilbert_tensors(tensors, width, labels)
        config["architectures"] = ["DistilBertForSequenceClassification"]
    elif family == "electra":
        tensors = electra_tensors(tensors, width, labels)
        config["architectures"] = ["ElectraForSequenceClassification"]
        config["embedding_size"] = width
    else:
        tensors = bert_tensors(tensors, width, labels)
        config["architectures"] = ["BertForSequenceClassification"]
    config.update({"model_type": family, "id2label": {str(i): label for i, label in enumerate(LABELS[:labels])}, **fields})
    (directory / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    write_tensors(directory / "model.safetensors", tensors)
    for name in TOKENIZER if tokenizer else ():
        shutil.copyfile(TINY / name, directory / name)
    return str(directory)


def expected_logits(family="distilbert", labels=len(LABELS)):
    """Of CASE."""
    first = CASE["hidden"][0] if isinstance(CASE["hidden"][0], list) else CASE["hidden"]
    dense = [ACTIVATIONS[family](x) for x in first[:labels]]
    return [2 * x + 0.5 * i for i, x in enumerate(dense)]
