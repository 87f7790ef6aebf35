#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/generate.json: what transformers generates with the tiny models of tests/golden/t5 in float64, by many
settings. Needs torch and transformers.

    tools/make_generate_golden.py tests/golden

Each case: the model's folder, input_ids, options by transformers' names, and the sequences as generate returns them. The end
is an id that the model gives by itself now and then, so that texts end.
"""
import argparse
import collections
import json
import pathlib

import torch
import transformers

INPUTS = (1, 3, 4)  # of golden.json's cases
A, B, C = 33, 54, 14
OPTIONS = [
    {},
    {"num_beams": 4},
    {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
    {"num_beams": 3, "length_penalty": -1.0, "early_stopping": "never", "num_return_sequences": 3},
    {"num_beams": 4, "length_penalty": 0.6, "num_return_sequences": 2, "early_stopping": "never"},
    {"num_beams": 2, "repetition_penalty": 1.7},
    {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    {"num_beams": 5, "no_repeat_ngram_size": 2, "min_new_tokens": 8},
    {"forced_bos_token_id": A, "forced_eos_token_id": B, "num_beams": 3},
    {"bad_words_ids": [[A], [B, C], [C, C]], "num_beams": 2},
    {"suppress_tokens": [B, 6], "begin_suppress_tokens": [A, C]},
    {"encoder_no_repeat_ngram_size": 2, "encoder_repetition_penalty": 1.4, "num_beams": 3},
    {"exponential_decay_length_penalty": [4, 1.3], "num_beams": 2},
    {"sequence_bias": [[[A], -3.0], [[B, C], 2.5]]},
    {"max_length": 9, "min_length": 6, "num_beams": 3},
    {"presence_penalty": 1.5, "frequency_penalty": 0.8},
    {"presence_penalty": -0.4, "frequency_penalty": 1.1, "num_beams": 3},
    {"relative_frequency_penalty": 9.0},
]
PENALTIES = ("presence_penalty", "frequency_penalty", "relative_frequency_penalty")


class Penalties(transformers.LogitsProcessor):
    """Those that transformers does not have: OpenAI's two, of the new ids, and TGI's, of all ids."""

    def __init__(self, presence, frequency, relative):
        self.presence, self.frequency, self.relative = presence, frequency, relative

    def __call__(self, input_ids, scores):
        counts = torch.nn.functional.one_hot(input_ids[:, 1:], scores.shape[1]).sum(1)
        shares = torch.nn.functional.one_hot(input_ids, scores.shape[1]).sum(1) / input_ids.shape[1]
        return scores - self.presence * (counts > 0) - self.frequency * counts - self.relative * shares


def common_end(cases):
    """An id that greedy answers have, but not at once."""
    counts = collections.Counter(i for case in cases for i in set(case["greedy"][4:]) - set(case["greedy"][1:4]))
    return counts.most_common(1)[0][0]


@torch.no_grad()
def generate(model, ids, options):
    length = {} if "max_length" in options else {"max_new_tokens": 20}
    extra = dict(options)
    if "sequence_bias" in extra:
        extra["sequence_bias"] = {tuple(ids): bias for ids, bias in extra["sequence_bias"]}
    if "exponential_decay_length_penalty" in extra:
        extra["exponential_decay_length_penalty"] = tuple(extra["exponential_decay_length_penalty"])
    penalties = [extra.pop(name, 0.0) for name in PENALTIES]
    if any(penalties):
        extra["logits_processor"] = transformers.LogitsProcessorList([Penalties(*penalties)])
    sequences = model.generate(input_ids=torch.tensor([ids]), do_sample=False, use_cache=False, **length, **extra)
    return {**length, **options}, sequences.tolist()


def cases_of(root, name):
    directory = root / "t5" / name
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(directory, attn_implementation="eager").double().eval()
    known = json.loads((directory / "golden.json").read_text())["cases"]
    end = common_end(known)
    for index in INPUTS:
        ids = known[index]["ids"]
        for options in OPTIONS:
            options, sequences = generate(model, ids, {"eos_token_id": end, "pad_token_id": 0, **options})
            yield {"model": name, "input_ids": ids, "options": options, "sequences": sequences}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=pathlib.Path)
    root = parser.parse_args().root
    names = sorted(path.name for path in (root / "t5").iterdir())
    cases = [case for name in names for case in cases_of(root, name)]
    lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (root / "generate.json").write_text('{"cases": [\n  ' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
