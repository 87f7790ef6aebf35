#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/t5/*: tiny random models of T5's family, and what transformers computes with them in float64.
Needs torch and transformers.

    tools/make_t5_golden.py tests/golden/t5

golden.json has for each case: ids, the encoder's hidden states (mean and first token), the scores after the start token,
and the best ids one after the other, with the gap between the best two scores where that is smallest.
"""
import argparse
import json
import pathlib

import torch
import transformers

COMMON = dict(vocab_size=72, decoder_start_token_id=0, dropout_rate=0.0)
# name: (family, config, an output matrix of its own)
MODELS = {
    # Version 1.1 and ByT5: gated, untied, more decoder layers than encoder layers or fewer.
    "v1_1": ("T5", dict(d_model=24, d_kv=4, num_heads=4, d_ff=40, num_layers=2, num_decoder_layers=3,
                        feed_forward_proj="gated-gelu", tie_word_embeddings=False), True),
    "byt5": ("T5", dict(d_model=20, d_kv=8, num_heads=3, d_ff=24, num_layers=3, num_decoder_layers=1,
                        feed_forward_proj="gated-gelu", tie_word_embeddings=False), False),
    # The first version, with the erf form of its activation, heads wider than a vector, and odd sizes everywhere.
    "plain_gelu": ("T5", dict(d_model=18, d_kv=19, num_heads=2, d_ff=30, num_layers=2, num_decoder_layers=2,
                              feed_forward_proj="gelu", relative_attention_num_buckets=16,
                              relative_attention_max_distance=40), False),
    "mt5": ("MT5", dict(d_model=16, d_kv=8, num_heads=2, d_ff=32, num_layers=2, num_decoder_layers=2), True),
    # A table of position biases in every block.
    "umt5": ("UMT5", dict(d_model=16, d_kv=6, num_heads=3, d_ff=32, num_layers=2, num_decoder_layers=2), True),
    "v1_1_silu": ("T5", dict(d_model=16, d_kv=4, num_heads=4, d_ff=28, num_layers=2, num_decoder_layers=2,
                             feed_forward_proj="gated-silu", tie_word_embeddings=False), True),
}
LENGTHS = (1, 2, 7, 16, 33, 140)
STEPS = 24


def fill(model, seed, own_output):
    """Weights so large that attention is far from uniform and activations leave their linear part."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in sorted(model.named_parameters()):
        scale, mean = 1.5 / weight.shape[-1] ** 0.5, 0.0
        if "layer_norm" in name:
            scale, mean = 0.2, 1.0
        elif "relative_attention_bias" in name:
            scale = 1.0
        elif name == "shared.weight":  # small where it is the output too, or the model says the same id for ever
            scale = 1.0 if own_output else 0.25
        elif name.endswith((".q.weight", ".k.weight")):
            scale = 1.5 / (weight.shape[1] * weight.shape[0] / model.config.num_heads) ** 0.25 / 3
        weight.data = mean + scale * torch.randn(weight.shape, generator=generator)


def numbers(values):
    return [float(f"{v:.9g}") for v in values]


def untie(model, seed):
    generator = torch.Generator().manual_seed(seed)
    model.lm_head.weight = torch.nn.Parameter(torch.randn(model.lm_head.weight.shape, generator=generator))


@torch.no_grad()
def case_of(model, ids):
    encoder = model.get_encoder()(input_ids=ids)
    hidden = encoder.last_hidden_state[0]
    answer, gap, first = [model.config.decoder_start_token_id], None, None
    for _ in range(STEPS):
        logits = model(encoder_outputs=encoder, decoder_input_ids=torch.tensor([answer]), use_cache=False).logits[0, -1]
        if first is None:
            first = numbers(logits.tolist())
        best = torch.topk(logits, 2)
        gap = min(gap or 1e9, float(best.values[0] - best.values[1]))
        answer.append(int(best.indices[0]))
    return {"ids": ids[0].tolist(), "encoder_mean": numbers(hidden.mean(0).tolist()),
            "encoder_first": numbers(hidden[0].tolist()), "first_logits": first, "greedy": answer,
            "smallest_gap": float(f"{gap:.3g}")}


def make(root, name):
    family, fields, own_output = MODELS[name]
    seed = 7 + sorted(MODELS).index(name)
    config = getattr(transformers, family + "Config")(**{**COMMON, **fields})
    model = getattr(transformers, family + "ForConditionalGeneration")(config).eval()
    fill(model, seed, own_output)
    if own_output:
        untie(model, 50 + seed)
    directory = root / name
    model.save_pretrained(directory)
    precise = type(model).from_pretrained(directory, attn_implementation="eager").double().eval()
    assert torch.equal(precise.lm_head.weight, precise.shared.weight) != own_output
    generator = torch.Generator().manual_seed(100 + seed)
    cases = [case_of(precise, torch.randint(2, config.vocab_size, (1, length), generator=generator)) for length in LENGTHS]
    lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (directory / "golden.json").write_text('{"cases": [\n  ' + lines + "\n]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=pathlib.Path)
    arguments = parser.parse_args()
    for name in MODELS:
        make(arguments.root, name)


if __name__ == "__main__":
    main()
