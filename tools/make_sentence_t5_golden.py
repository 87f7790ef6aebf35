#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/sentence_t5/*: tiny random encoders of T5's family in the layout of sentence-transformers, as sentence-t5
and gtr-t5 have it, and the vectors that they must give.

    python3 tools/make_sentence_t5_golden.py tests/golden/sentence_t5            # write
    python3 tools/make_sentence_t5_golden.py tests/golden/sentence_t5 --check    # compare what is there with transformers

Writing needs numpy only and gives the same bytes everywhere; the expected vectors come from the float64 forward pass below,
which shares no code with the program. --check needs torch, tokenizers and transformers. golden.json has for each case: the
text, its ids, and the vector: the mean over the tokens, a Dense module without bias and activation, and length 1.
"""
import argparse
import json
import math
import pathlib
import re
import sys

import numpy as np

from make_tiny_model import Random, rounded, stored, write_json, write_safetensors

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/server"))
import text_model  # noqa: E402

VOCABULARY = 72
EPSILON = 1e-6
# name: (config, outputs of the Dense module, longest text)
MODELS = {
    "sentence_t5": (dict(d_model=24, d_kv=6, num_heads=4, d_ff=40, num_layers=3, feed_forward_proj="relu"), 24, 256),
    # Heads together wider than the hidden states, and a Dense module that makes vectors of another size.
    "gtr_t5": (dict(d_model=20, d_kv=16, num_heads=3, d_ff=28, num_layers=2, feed_forward_proj="gated-gelu"), 12, 512),
}
WORDS = " ".join(text_model.WORDS)
TEXTS = ["a", "the old fish is in the cold river", "small stone bridge", "Wind, rain. moss?", "reed " * 60, "", WORDS,
         "heron and boat under <extra_id_0> morning light", " ".join([WORDS] * 5), " ".join([WORDS] * 20)]
MODULES = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize"))


def word_ids(word, scores):
    """The best way to cut a word into pieces; an unknown character is worse than any piece."""
    unknown = min(score for _, score in scores.values()) - 10
    best = [(0.0, [])] + [(-math.inf, None)] * len(word)
    for begin in range(len(word)):
        for end in range(begin + 1, len(word) + 1):
            piece = word[begin:end]
            if piece not in scores and end > begin + 1:
                continue
            i, score = scores.get(piece, (2, unknown))
            if best[begin][0] + score > best[end][0]:
                best[end] = (best[begin][0] + score, best[begin][1] + [i])
    ids = best[-1][1]
    return [i for at, i in enumerate(ids) if not (i == 2 and at > 0 and ids[at - 1] == 2)]


def text_ids(text, limit):
    rows = text_model.pieces()
    scores = {piece: (i, score) for i, (piece, score) in enumerate(rows)}
    ids = []
    for part in re.split("(" + "|".join(text_model.SENTINELS) + ")", text):
        if part in text_model.SENTINELS:
            ids.append(len(rows) + text_model.SENTINELS.index(part))
        else:
            ids += [i for word in part.split() for i in word_ids(text_model.SPACE + word, scores)]
    return ids[:limit - 1] + [1]


def bucket(distance):
    """Of key position - query position, 16 a side."""
    side, far = (16 if distance > 0 else 0), abs(distance)
    return side + (far if far < 8 else min(15, 8 + int(math.log(far / 8) / math.log(128 / 8) * 8)))


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def encode(ids, w, c):
    x = w["shared.weight"][ids]
    length, heads, size = len(ids), c["num_heads"], c["d_kv"]
    buckets = np.array([[bucket(key - query) for key in range(length)] for query in range(length)])
    bias = w["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"][buckets]  # [T, T, H]
    for layer in range(c["num_layers"]):
        name = f"encoder.block.{layer}.layer.0."
        y = norm(x, w[name + "layer_norm.weight"])
        q, k, v = ((y @ w[name + f"SelfAttention.{part}.weight"].T).reshape(length, heads, size) for part in "qkv")
        scores = np.einsum("qhd,khd->qkh", q, k) + bias
        p = np.exp(scores - scores.max(1, keepdims=True))
        context = np.einsum("qkh,khd->qhd", p / p.sum(1, keepdims=True), v).reshape(length, heads * size)
        x = x + context @ w[name + "SelfAttention.o.weight"].T
        name = f"encoder.block.{layer}.layer.1."
        y = norm(x, w[name + "layer_norm.weight"])
        if c["feed_forward_proj"] == "relu":
            y = np.maximum(y @ w[name + "DenseReluDense.wi.weight"].T, 0)
        else:
            gate = y @ w[name + "DenseReluDense.wi_0.weight"].T
            gate = gate / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
            y = gate * (y @ w[name + "DenseReluDense.wi_1.weight"].T)
        x = x + y @ w[name + "DenseReluDense.wo.weight"].T
    return norm(x, w["encoder.final_layer_norm.weight"])


def shapes(c):
    """Of every weight: [out, in]."""
    d, inner, ff = c["d_model"], c["num_heads"] * c["d_kv"], c["d_ff"]
    result = {"shared.weight": (VOCABULARY, d), "encoder.final_layer_norm.weight": (d,),
              "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (32, c["num_heads"])}
    for layer in range(c["num_layers"]):
        name = f"encoder.block.{layer}.layer."
        result |= {f"{name}0.SelfAttention.{part}.weight": (inner, d) for part in "qkv"}
        result |= {f"{name}0.SelfAttention.o.weight": (d, inner), f"{name}0.layer_norm.weight": (d,), f"{name}1.layer_norm.weight": (d,),
                   f"{name}1.DenseReluDense.wo.weight": (d, ff)}
        inputs = ["wi"] if c["feed_forward_proj"] == "relu" else ["wi_0", "wi_1"]
        result |= {f"{name}1.DenseReluDense.{part}.weight": (ff, d) for part in inputs}
    return result


def weights(c, random):
    """So large that attention is far from uniform and activations leave their linear part."""
    result = {}
    for name, shape in sorted(shapes(c).items()):
        scale = 1.5 / shape[-1] ** 0.5
        if "layer_norm" in name:
            scale = 0.2
        elif "relative_attention_bias" in name or name == "shared.weight":
            scale = 1.0
        elif name.endswith((".q.weight", ".k.weight")):
            scale = 0.5 / (shape[1] * c["d_kv"]) ** 0.25
        result[name] = random.normal(shape, scale) + (1.0 if "layer_norm" in name else 0.0)
    return result


def write_weights(path, values):
    """Returns them as a reader gets them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    both = {name: stored(value, "F32") for name, value in values.items()}
    write_safetensors(path, {name: ("F32", values[name].shape, data) for name, (data, _) in both.items()})
    return {name: back for name, (_, back) in both.items()}


def write_layout(directory, c, outputs, longest):
    write_json(directory / "config.json", {
        "architectures": ["T5EncoderModel"], "model_type": "t5", "vocab_size": VOCABULARY, **c, "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128, "layer_norm_epsilon": EPSILON, "pad_token_id": 0, "eos_token_id": 1,
        "decoder_start_token_id": 0, "is_encoder_decoder": True, "dropout_rate": 0.1})
    write_json(directory / "modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                                            for i, (kind, path) in enumerate(MODULES)])
    write_json(directory / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False})
    write_json(directory / "1_Pooling/config.json", {"word_embedding_dimension": c["d_model"], "pooling_mode_cls_token": False,
                                                     "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
                                                     "pooling_mode_mean_sqrt_len_tokens": False})
    write_json(directory / "2_Dense/config.json", {"in_features": c["d_model"], "out_features": outputs, "bias": False,
                                                   "activation_function": "torch.nn.modules.linear.Identity"})
    (directory / "tokenizer.json").write_text(json.dumps(text_model.tokenizer(), ensure_ascii=False) + "\n", encoding="utf-8")


def make(root, name):
    c, outputs, longest = MODELS[name]
    random = Random(31 + sorted(MODELS).index(name))
    directory = root / name
    directory.mkdir(parents=True, exist_ok=True)
    write_layout(directory, c, outputs, longest)
    w = write_weights(directory / "model.safetensors", weights(c, random))
    dense = random.normal((outputs, c["d_model"]), 1 / c["d_model"] ** 0.5)
    dense = write_weights(directory / "2_Dense/model.safetensors", {"linear.weight": dense})["linear.weight"]
    cases = []
    for text in TEXTS:
        ids = text_ids(text, longest)
        vector = dense @ encode(ids, w, c).mean(0)
        cases.append({"text": text, "ids": ids, "embedding": rounded(vector / np.linalg.norm(vector))})
    lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (directory / "golden.json").write_text('{"cases": [\n  ' + lines + "\n]}\n")


def check(root, name):
    import safetensors.torch
    import tokenizers
    import torch
    import transformers

    directory, longest = root / name, MODELS[name][2]
    model = transformers.T5EncoderModel.from_pretrained(directory, attn_implementation="eager").double().eval()
    dense = safetensors.torch.load_file(directory / "2_Dense/model.safetensors")["linear.weight"].double()
    tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_truncation(longest)
    worst = 0.0
    for case in json.loads((directory / "golden.json").read_text())["cases"]:
        assert tokenizer.encode(case["text"]).ids == case["ids"], case["text"]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([case["ids"]])).last_hidden_state[0]
        vector = torch.nn.functional.normalize(dense @ hidden.mean(0), dim=0)
        worst = max(worst, float((vector - torch.tensor(case["embedding"]).double()).abs().max()))
    print(f"{name}: largest difference {worst:.2e}")
    return worst < 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="compare with transformers; writes nothing")
    arguments = parser.parse_args()
    ok = True
    for name in MODELS:
        if arguments.check:
            ok = check(arguments.root, name) and ok
        else:
            make(arguments.root, name)
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
