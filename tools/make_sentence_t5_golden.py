#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/sentence_t5/*: tiny random encoders of T5's family in the layout of sentence-transformers, as sentence-t5
and gtr-t5 have it, and the vectors that transformers and torch compute of them in float64. Needs torch and transformers.

    tools/make_sentence_t5_golden.py tests/golden/sentence_t5

golden.json has for each case: the text, its ids by tokenizers, and the vector: the mean over the tokens, a Dense module
without bias and activation, and length 1.
"""
import argparse
import json
import pathlib
import sys

import safetensors.torch
import tokenizers
import torch
import transformers

from make_t5_golden import fill, numbers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/server"))
import text_model  # noqa: E402

# name: (config, outputs of the Dense module, longest text)
MODELS = {
    "sentence_t5": (dict(d_model=24, d_kv=6, num_heads=4, d_ff=40, num_layers=3, feed_forward_proj="relu"), 24, 256),
    # Heads together wider than the hidden states, and a Dense module that makes vectors of another size.
    "gtr_t5": (dict(d_model=20, d_kv=16, num_heads=3, d_ff=28, num_layers=2, feed_forward_proj="gated-gelu"), 12, 512),
}
WORDS = " ".join(text_model.WORDS)
TEXTS = ["a", "the old fish is in the cold river", "small stone bridge", "Wind, rain. moss?", "reed " * 60, "", WORDS,
         "heron and boat under <extra_id_0> morning light", " ".join([WORDS] * 5)]
MODULES = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize"))


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def write_layout(directory, size, outputs, longest, dense):
    write(directory / "modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                                       for i, (kind, path) in enumerate(MODULES)])
    write(directory / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False})
    write(directory / "1_Pooling/config.json", {"word_embedding_dimension": size, "pooling_mode_cls_token": False,
                                                "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
                                                "pooling_mode_mean_sqrt_len_tokens": False})
    write(directory / "2_Dense/config.json", {"in_features": size, "out_features": outputs, "bias": False,
                                              "activation_function": "torch.nn.modules.linear.Identity"})
    safetensors.torch.save_file({"linear.weight": dense}, directory / "2_Dense/model.safetensors")
    write(directory / "tokenizer.json", text_model.tokenizer())


@torch.no_grad()
def case_of(model, dense, tokenizer, longest, text):
    ids = tokenizer.encode(text).ids
    ids = ids if len(ids) <= longest else ids[:longest - 1] + ids[-1:]
    hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    vector = torch.nn.functional.normalize(dense.double() @ hidden.mean(0), dim=0)
    return {"text": text, "ids": ids, "embedding": numbers(vector.tolist())}


def make(root, name):
    fields, outputs, longest = MODELS[name]
    seed = 31 + sorted(MODELS).index(name)
    config = transformers.T5Config(vocab_size=72, decoder_start_token_id=0, dropout_rate=0.0, **fields)
    model = transformers.T5EncoderModel(config).eval()
    fill(model, seed, own_output=True)
    directory = root / name
    model.save_pretrained(directory)
    dense = torch.randn((outputs, config.d_model), generator=torch.Generator().manual_seed(60 + seed)) / config.d_model ** 0.5
    write_layout(directory, config.d_model, outputs, longest, dense)
    precise = transformers.T5EncoderModel.from_pretrained(directory, attn_implementation="eager").double().eval()
    tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    cases = [case_of(precise, dense, tokenizer, longest, text) for text in TEXTS]
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
