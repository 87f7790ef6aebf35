#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/tiny_{mpnet,albert,albert_groups,electra}: tiny random classifiers of three families, and what
transformers computes with them. Needs torch and transformers; with --onnx also onnx and onnxruntime.

    tools/make_family_golden.py tests/fixtures [--onnx]

golden.json has for each case: ids, the mean of the hidden states, the raw scores, and for some the hidden states.
"""
import argparse
import json
import pathlib

import torch
import transformers

COMMON = dict(vocab_size=80, hidden_size=32, num_attention_heads=4, intermediate_size=48, max_position_embeddings=148,
              num_labels=3, layer_norm_eps=1e-12, attn_implementation="eager")
# MPNet's far distances share buckets up to 128: texts must be longer than that.
MODELS = {
    "tiny_mpnet": ("MPNet", dict(num_hidden_layers=2, relative_attention_num_buckets=32, pad_token_id=1, bos_token_id=0,
                                 eos_token_id=2)),
    # One set of weights for three layers, as every published ALBERT has it.
    "tiny_albert": ("Albert", dict(num_hidden_layers=3, embedding_size=16, hidden_act="gelu_new", type_vocab_size=2,
                                   pad_token_id=0, bos_token_id=2, eos_token_id=3)),
    # Layers that the groups do not divide evenly, two layers a group, and embeddings as wide as the hidden states.
    "tiny_albert_groups": ("Albert", dict(num_hidden_layers=5, num_hidden_groups=2, inner_group_num=2, embedding_size=16,
                                          hidden_size=16, intermediate_size=24, hidden_act="gelu_new", type_vocab_size=2,
                                          pad_token_id=0)),
    "tiny_electra": ("Electra", dict(num_hidden_layers=2, embedding_size=20, hidden_act="gelu", type_vocab_size=2)),
}
LENGTHS = (1, 2, 3, 8, 9, 16, 17, 31, 33, 64, 130, 140)
WITH_HIDDEN = (3, 17, 140)  # of the longest, every tenth token
# Of which the ONNX files stay: MPNet's are among the shared test data.
WITH_ONNX = ("tiny_albert", "tiny_albert_groups", "tiny_electra")
# One of them as an optimiser and a quantiser leave it: layers that share weights have copies in several forms.
OPTIMISED_ONNX = "tiny_albert_groups"


def fill(model, seed):
    """Weights so large that attention is far from uniform and activations leave their linear part."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in sorted(model.named_parameters()):
        scale, mean = 0.3, 0.0
        if "LayerNorm" in name or "layer_norm" in name:
            scale, mean = 0.2, 1.0 if name.endswith("weight") else 0.0
        elif "embeddings" in name or "relative_attention_bias" in name:
            scale = 1.0
        elif weight.dim() == 2:
            scale = 1.5 / weight.shape[1] ** 0.5
        weight.data = mean + scale * torch.randn(weight.shape, generator=generator)


def numbers(values):
    return [float(f"{v:.9g}") for v in values]


def make(root, name, onnx):
    family, fields = MODELS[name]
    config = getattr(transformers, family + "Config")(**{**COMMON, **fields})
    model = getattr(transformers, family + "ForSequenceClassification")(config).eval()
    seed = 7 + sorted(MODELS).index(name)
    fill(model, seed)
    directory = root / name
    model.save_pretrained(directory)
    # In float64, so that the rounding of the reference is not part of the difference.
    precise = getattr(transformers, family + "ForSequenceClassification").from_pretrained(
        directory, attn_implementation="eager").double().eval()
    generator = torch.Generator().manual_seed(100 + seed)
    cases = []
    for length in LENGTHS:
        ids = torch.randint(5, config.vocab_size, (1, length), generator=generator)
        with torch.no_grad():
            out = precise(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        hidden = out.hidden_states[-1][0]
        case = {"ids": ids[0].tolist(), "embedding": numbers(hidden.mean(0).tolist()), "logits": numbers(out.logits[0].tolist())}
        if length in WITH_HIDDEN:
            case["hidden"] = {str(t): numbers(hidden[t].tolist()) for t in range(0, length, 10 if length > 20 else 1)}
        cases.append(case)
    lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (directory / "golden.json").write_text('{"cases": [\n  ' + lines + "\n]}\n")
    if onnx and name in WITH_ONNX:
        plain = directory / "model.onnx"
        ids = torch.tensor([cases[6]["ids"]])
        axes = {"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}}
        torch.onnx.export(model, (ids, torch.ones_like(ids)), plain, opset_version=17, dynamo=False,
                          input_names=["input_ids", "attention_mask"], output_names=["logits"], dynamic_axes=axes)
    if onnx and name == OPTIMISED_ONNX:
        from onnxruntime.quantization import quantize_dynamic
        from onnxruntime.transformers import optimizer

        optimised = optimizer.optimize_model(str(plain), model_type="bert", num_heads=config.num_attention_heads,
                                             hidden_size=config.hidden_size, opt_level=0)
        optimised.save_model_to_file(str(directory / "model_optimized.onnx"))
        quantize_dynamic(str(directory / "model_optimized.onnx"), str(directory / "model_optimized_quantized.onnx"),
                         extra_options={"DefaultTensorType": 1})
        plain.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--onnx", action="store_true", help="also write ONNX files")
    arguments = parser.parse_args()
    for name in MODELS:
        make(arguments.root, name, arguments.onnx)


if __name__ == "__main__":
    main()
