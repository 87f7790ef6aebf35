#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tiny checkpoints of tests/fixtures/ and the vectors that they must give.

    python3 tools/make_tiny_model.py tests/fixtures            # write
    python3 tools/make_tiny_model.py tests/fixtures --check    # compare what is there with sentence-transformers

Writing needs numpy only and gives the same bytes everywhere: weights come from a counter-based generator, and the
expected vectors from the float64 forward pass below, which shares no code with the program. --check runs the same
texts through sentence-transformers and its tokenizers.
"""
import argparse
import json
import math
import pathlib
import unicodedata

import numpy as np

TEXTS = [
    "a small fish swims in the river",
    "The fish is SMALL, the river is wide!",
    "swimming fishes",
    "caf\u00e9 na\u00efve",
    "",
    "unknown: \u4f60\u597d \U0001f41f",
    "1 2 3 fish",
    "x",
    "the quick minnow darts under the old stone bridge and the heron waits in the reeds",
]
MAX_TOKENS_OF_TEXTS = 24

WORDS = """the a in is of and to fish minnow river small old wide quick swim stone bridge water light under
heron reed dart wait blue cold deep run""".split()
PIECES = ["##s", "##es", "##ing", "##m", "##ed", "##er"]
PUNCTUATION = list(".,:;!?-'\"()")


def vocabulary(specials):
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = specials + list("0123456789") + PUNCTUATION + letters + WORDS + PIECES
    tokens += ["##" + letter for letter in letters]
    unique = list(dict.fromkeys(tokens))
    return unique


# --- numbers ----------------------------------------------------------------------------------------------------


class Random:
    """SplitMix64 over a counter; close to normal by summing uniforms."""

    def __init__(self, seed):
        self.state = np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)

    def uniform(self, shape):
        n = int(np.prod(shape))
        with np.errstate(over="ignore"):
            z = self.state + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.state = z[-1]
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        return ((z >> np.uint64(11)).astype(np.float64) / 2.0**53).reshape(shape)

    def normal(self, shape, scale):
        return (sum(self.uniform(shape) for _ in range(4)) - 2.0) * math.sqrt(3.0) * scale


def to_bf16(values):
    """float32 bits rounded to nearest even, upper half."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + np.uint64(0x7FFF) + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)).astype(np.uint16)


def stored(values, dtype):
    """The bytes in the file, and the values that a reader gets from them."""
    if dtype == "F32":
        low = values.astype("<f4")
        return low.tobytes(), low.astype(np.float64)
    if dtype == "F16":
        low = values.astype("<f2")
        return low.tobytes(), low.astype(np.float64)
    if dtype == "BF16":
        low = to_bf16(values)
        back = (low.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return low.astype("<u2").tobytes(), back.astype(np.float64)
    raise ValueError(dtype)


# --- files ------------------------------------------------------------------------------------------------------


def write_safetensors(path, tensors):
    """tensors: name -> (dtype, shape, bytes)"""
    header = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(d for _, _, d in tensors.values()))


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def tokenizer_json(vocab, cls, sep, unk, pad, mask):
    ids = {token: i for i, token in enumerate(vocab)}
    special = [
        {"id": ids[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True} for t in sorted({cls, sep, unk, pad, mask}, key=ids.get)
    ]

    def piece(token, type_id):
        return {"SpecialToken": {"id": token, "type_id": type_id}}

    def sequence(name, type_id):
        return {"Sequence": {"id": name, "type_id": type_id}}

    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [piece(cls, 0), sequence("A", 0), piece(sep, 0)],
            "pair": [piece(cls, 0), sequence("A", 0), piece(sep, 0), sequence("B", 1), piece(sep, 1)],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in (cls, sep)},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": unk, "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": ids},
    }


# --- tokenizer: enough of BERT's for TEXTS ----------------------------------------------------------------------


def tokenize(text, vocab, cls, sep, unk, limit):
    ids = {token: i for i, token in enumerate(vocab)}
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    spaced = ""
    for c in text:
        alone = unicodedata.category(c).startswith("P") or 0x4E00 <= ord(c) <= 0x9FFF
        spaced += f" {c} " if alone else c
    out = []
    for word in spaced.split():
        pieces, start = [], 0
        while start < len(word):
            end = len(word)
            while end > start and ("##" if start else "") + word[start:end] not in ids:
                end -= 1
            if end == start:
                pieces = [unk]
                break
            pieces.append(("##" if start else "") + word[start:end])
            start = end
        out += pieces
    return [ids[cls]] + [ids[t] for t in out[: limit - 2]] + [ids[sep]]


# --- the forward pass in float64 --------------------------------------------------------------------------------

erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x):
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def gelu_tanh(x):
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {"gelu": gelu, "gelu_new": gelu_tanh, "relu": lambda x: np.maximum(x, 0.0)}


def layer_norm(x, w, name, eps):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * w[name + ".weight"] + w[name + ".bias"]


def linear(x, w, name):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def encode(ids, w, c):
    """Hidden states [T, C] of one text without padding."""
    eps, heads = c["layer_norm_eps"], c["num_attention_heads"]
    first = c["pad_token_id"] + 1 if c["model_type"] != "bert" else 0
    n = len(ids)
    x = (w["embeddings.word_embeddings.weight"][ids]
         + w["embeddings.position_embeddings.weight"][first:first + n]
         + w["embeddings.token_type_embeddings.weight"][0])
    x = layer_norm(x, w, "embeddings.LayerNorm", eps)
    size = c["hidden_size"] // heads
    for i in range(c["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, w, f"{p}attention.self.{part}").reshape(n, heads, size).transpose(1, 0, 2)
                   for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(size)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(n, -1)
        x = layer_norm(x + linear(mixed, w, p + "attention.output.dense"), w, p + "attention.output.LayerNorm", eps)
        inner = ACTIVATIONS[c["hidden_act"]](linear(x, w, p + "intermediate.dense"))
        x = layer_norm(x + linear(inner, w, p + "output.dense"), w, p + "output.LayerNorm", eps)
    return x


POOLINGS = {
    "cls": lambda h: h[0],
    "max": lambda h: h.max(0),
    "mean": lambda h: h.mean(0),
    "mean_sqrt_len_tokens": lambda h: h.sum(0) / math.sqrt(len(h)),
    "lasttoken": lambda h: h[-1],
}
FLAGS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
DENSE_ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": np.tanh,
    "torch.nn.modules.linear.Identity": lambda x: x,
    "torch.nn.modules.activation.GELU": gelu,
}


def embed(hidden, model):
    x = np.concatenate([POOLINGS[p](hidden) for p in model["pooling"]])
    for dense in model["dense"]:
        x = dense["weight"] @ x
        if dense["bias"] is not None:
            x = x + dense["bias"]
        x = DENSE_ACTIVATIONS[dense["activation"]](x)
    if model["normalize"]:
        x = x / max(np.linalg.norm(x), 1e-12)
    return x


# --- the models -------------------------------------------------------------------------------------------------

BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIALS = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]  # padding is 1, as in RoBERTa

MODELS = {
    # The common case: one float32 file, older sentence-transformers names, a limit below the position table.
    "tiny_bert": dict(seed=1, dtype="F32", hidden=32, layers=2, heads=4, inner=64, act="gelu", pooling=["mean"],
                      normalize=True, limit=24),
    # Saved inside a model with heads, TensorFlow's names for LayerNorm, half precision, newer module names.
    "tiny_bert_prefixed": dict(seed=2, dtype="F16", hidden=24, layers=1, heads=3, inner=40, act="gelu",
                               pooling=["cls"], normalize=False, prefix="bert.", old_norm_names=True, extras=True,
                               new_names=True),
    # Two shards in bfloat16, two poolings side by side, two Dense modules.
    "tiny_bert_sharded": dict(seed=3, dtype="BF16", hidden=40, layers=2, heads=5, inner=72, act="gelu_new",
                              pooling=["max", "mean"], normalize=True, shards=2, limit=24,
                              dense=[(16, True, "torch.nn.modules.activation.Tanh"),
                                     (10, False, "torch.nn.modules.linear.Identity")]),
    # Positions after the padding index, one token type.
    "tiny_roberta": dict(seed=4, dtype="F32", hidden=16, layers=2, heads=2, inner=48, act="relu",
                         pooling=["mean_sqrt_len_tokens", "lasttoken"], normalize=False, prefix="roberta.",
                         roberta=True, limit=24),
    # No modules.json; widths that no vector register divides.
    "tiny_bert_odd": dict(seed=5, dtype="F32", hidden=15, layers=1, heads=3, inner=17, act="gelu", pooling=["mean"],
                          normalize=False, plain=True),
}
POSITIONS = 40


def make_config(spec, vocab_size):
    roberta = spec.get("roberta", False)
    return {
        "architectures": ["RobertaModel" if roberta else "BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": spec["act"],
        "hidden_dropout_prob": 0.1,
        "hidden_size": spec["hidden"],
        "initializer_range": 0.02,
        "intermediate_size": spec["inner"],
        "layer_norm_eps": 1e-05 if roberta else 1e-12,
        "max_position_embeddings": POSITIONS + 2 if roberta else POSITIONS,
        "model_type": "roberta" if roberta else "bert",
        "num_attention_heads": spec["heads"],
        "num_hidden_layers": spec["layers"],
        "pad_token_id": 1 if roberta else 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 1 if roberta else 2,
        "vocab_size": vocab_size,
    }


def make_weights(spec, config, random):
    c, f = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], c),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], c),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], c),
    }
    norms = ["embeddings.LayerNorm"]
    linears = {}
    for i in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            linears[f"{p}attention.self.{part}"] = (c, c)
        linears[p + "attention.output.dense"] = (c, c)
        linears[p + "intermediate.dense"] = (f, c)
        linears[p + "output.dense"] = (c, f)
        norms += [p + "attention.output.LayerNorm", p + "output.LayerNorm"]
    w = {name: random.normal(shape, 1.0) for name, shape in shapes.items()}
    for name in norms:
        w[name + ".weight"] = 1.0 + random.normal((c,), 0.2)
        w[name + ".bias"] = random.normal((c,), 0.2)
    for name, (out, into) in linears.items():
        # Large enough that attention is far from uniform and activations leave their linear part.
        w[name + ".weight"] = random.normal((out, into), 1.5 / math.sqrt(into))
        w[name + ".bias"] = random.normal((out,), 0.3)
    if spec.get("extras"):
        w["pooler.dense.weight"] = random.normal((c, c), 0.1)
        w["pooler.dense.bias"] = random.normal((c,), 0.1)
    return w


def checkpoint_name(name, spec):
    if spec.get("old_norm_names"):
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return spec.get("prefix", "") + name


def write_weights(directory, spec, weights, random):
    """Writes the file or shards; returns the values that a reader gets."""
    tensors, read_back = {}, {}
    for name in sorted(weights):
        data, values = stored(weights[name], spec["dtype"])
        tensors[checkpoint_name(name, spec)] = (spec["dtype"], weights[name].shape, data)
        read_back[name] = values
    if spec.get("extras"):
        bias, _ = stored(random.normal((weights["embeddings.word_embeddings.weight"].shape[0],), 0.1), spec["dtype"])
        tensors["cls.predictions.bias"] = (spec["dtype"], (len(bias) // 2,), bias)
        ids = np.arange(POSITIONS, dtype="<i8")
        tensors["bert.embeddings.position_ids"] = ("I64", (1, POSITIONS), ids.tobytes())
    shards = spec.get("shards", 1)
    if shards == 1:
        write_safetensors(directory / "model.safetensors", tensors)
        return read_back
    weight_map, names = {}, sorted(tensors)
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[i * len(names) // shards:(i + 1) * len(names) // shards]}
        write_safetensors(directory / file, part)
        weight_map.update(dict.fromkeys(part, file))
    total = sum(len(data) for _, _, data in tensors.values())
    write_json(directory / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})
    return read_back


def write_modules(directory, spec, random):
    """Everything of sentence-transformers; returns the Dense modules with their values."""
    if spec.get("plain"):
        return []
    new = spec.get("new_names")
    package = "sentence_transformers.models." if not new else "sentence_transformers.sentence_transformer.modules.pooling."
    base = package if not new else "sentence_transformers.base.modules.transformer."
    modules = [("", base + "Transformer"), ("1_Pooling", package + "Pooling")]
    width = spec["hidden"] * len(spec["pooling"])
    if new:
        mode = spec["pooling"] if len(spec["pooling"]) > 1 else spec["pooling"][0]
        pooling = {"embedding_dimension": spec["hidden"], "pooling_mode": mode, "include_prompt": True}
    else:
        pooling = {"word_embedding_dimension": spec["hidden"]}
        pooling.update({flag: mode in spec["pooling"] for mode, flag in FLAGS.items()})
    write_json(directory / "1_Pooling" / "config.json", pooling)
    denses = []
    for out, has_bias, activation in spec.get("dense", []):
        path = f"{len(modules)}_Dense"
        modules.append((path, package + "Dense"))
        write_json(directory / path / "config.json",
                   {"in_features": width, "out_features": out, "bias": has_bias, "activation_function": activation})
        data, weight = stored(random.normal((out, width), 1.5 / math.sqrt(width)), "F32")
        tensors, bias = {"linear.weight": ("F32", (out, width), data)}, None
        if has_bias:
            data, bias = stored(random.normal((out,), 0.3), "F32")
            tensors = {"linear.bias": ("F32", (out,), data), **tensors}
        write_safetensors(directory / path / "model.safetensors", tensors)
        denses.append({"weight": weight, "bias": bias, "activation": activation})
        width = out
    if spec["normalize"]:
        modules.append((f"{len(modules)}_Normalize", package + "Normalize"))
    write_json(directory / "modules.json",
               [{"idx": i, "name": str(i), "path": p, "type": t} for i, (p, t) in enumerate(modules)])
    if "limit" in spec:
        write_json(directory / "sentence_bert_config.json", {"max_seq_length": spec["limit"], "do_lower_case": False})
    return denses


def rounded(values):
    return [float(f"{v:.9g}") for v in values]


def write_golden(directory, name, spec, config, weights, model, vocab):
    specials = dict(cls="[CLS]", sep="[SEP]", unk="[UNK]")
    cases = []
    for text in TEXTS:
        ids = tokenize(text, vocab, **specials, limit=MAX_TOKENS_OF_TEXTS)
        cases.append({"text": text, "ids": ids})
    # Ids alone: every length up to the whole position table, ids all over the vocabulary.
    random = Random(1000 + spec["seed"])
    for length in (1, 2, 3, 7, 16, 17, 31, 33, POSITIONS):
        ids = (5 + random.uniform((length,)) * (len(vocab) - 5)).astype(int).tolist()
        cases.append({"text": None, "ids": ids})
    for case in cases:
        hidden = encode(case["ids"], weights, config)
        case["embedding"] = rounded(embed(hidden, model))
        if case["text"] == TEXTS[0]:
            case["hidden"] = [rounded(row) for row in hidden]
    lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    head = {"model": name, "embedding_size": len(cases[0]["embedding"]), "limit": model["limit"]}
    (directory / "golden.json").write_text(json.dumps(head)[:-1] + ', "cases": [\n  ' + lines + "\n]}\n")


def make(root, name):
    spec = MODELS[name]
    directory = root / name
    directory.mkdir(parents=True, exist_ok=True)
    random = Random(spec["seed"])
    vocab = vocabulary(ROBERTA_SPECIALS if spec.get("roberta") else BERT_SPECIALS)
    config = make_config(spec, len(vocab))
    write_json(directory / "config.json", config)
    weights = write_weights(directory, spec, make_weights(spec, config, random), random)
    denses = write_modules(directory, spec, random)
    named = dict(cls="[CLS]", sep="[SEP]", unk="[UNK]", pad="[PAD]", mask="[MASK]")
    (directory / "tokenizer.json").write_text(
        json.dumps(tokenizer_json(vocab, **named), separators=(",", ":")) + "\n", encoding="utf-8")
    write_json(directory / "tokenizer_config.json",
               {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": POSITIONS, "do_lower_case": True,
                "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]",
                "mask_token": "[MASK]"})
    model = {"pooling": spec["pooling"], "dense": denses, "normalize": spec["normalize"],
             "limit": spec.get("limit", POSITIONS)}
    write_golden(directory, name, spec, config, weights, model, vocab)


# --- comparing with others --------------------------------------------------------------------------------------


def check(root, name):
    import torch
    from sentence_transformers import SentenceTransformer

    directory = root / name
    golden = json.loads((directory / "golden.json").read_text())
    model = SentenceTransformer(str(directory), device="cpu", model_kwargs={"torch_dtype": torch.float32})
    model.eval()
    assert model.max_seq_length == golden["limit"], (model.max_seq_length, golden["limit"])
    worst = 0.0
    for case in golden["cases"]:
        if case["text"] is not None and golden["limit"] == MAX_TOKENS_OF_TEXTS:
            ids = model.tokenize([case["text"]])["input_ids"][0].tolist()
            assert ids == case["ids"], (case["text"], ids, case["ids"])
        ids = torch.tensor([case["ids"]])
        with torch.no_grad():
            features = model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        got = features["sentence_embedding"][0].double().numpy()
        worst = max(worst, float(np.abs(got - np.array(case["embedding"])).max()))
        if "hidden" in case:
            hidden = features["token_embeddings"][0].double().numpy()
            worst = max(worst, float(np.abs(hidden - np.array(case["hidden"])).max()))
    print(f"{name}: largest difference {worst:.2e} over {len(golden['cases'])} cases")
    return worst < 1e-5


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="compare with sentence-transformers; writes nothing")
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
