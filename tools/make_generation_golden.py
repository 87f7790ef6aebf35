#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/generation/: what transformers' generate() makes of logits that a few lines of integer arithmetic
give, so that the test needs no model.

searches.json holds settings, input ids, and the sequences and scores that follow. Every case is run once more with
logits that differ by up to 2e-5, and dropped where that changes an id: it would hang on the last bits of a logarithm.
Draws are those of src/generation/random.h, put in the place of torch.multinomial. warpers.json holds rows of logits and
the probabilities that sampling's processors leave of them.

    pip install torch 'transformers==5.24.*'
    python3 tools/make_generation_golden.py
"""
import itertools
import json
import math
import pathlib
import random
import warnings

import torch
from transformers import GenerationConfig, GenerationMixin, LogitsProcessorList, PreTrainedModel, T5Config
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput
from transformers.utils import logging

OUT = pathlib.Path(__file__).resolve().parents[1] / "tests/golden/generation"
VOCAB_SIZE = 40
MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1
IDS = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
OTHER_IDS = {"decoder_start_token_id": 2, "pad_token_id": 3, "eos_token_id": [1, 7]}


def mixed32(x):
    x = (x ^ x >> 16) * 0x85EBCA6B & MASK32
    x = (x ^ x >> 13) * 0xC2B2AE35 & MASK32
    return x ^ x >> 16


def state_of(seed, ids):
    """A number that depends on all ids so far."""
    state = seed
    for i in ids:
        state = mixed32((state * 31 + i + 1) & MASK32)
    return state


def logits_of(state):
    """Exact in a float: 24 bits, in [-4, 4), and more for the end ids 1 and 7."""
    row = [(mixed32(state ^ (v * 0x9E3779B9 & MASK32)) >> 8) / 2.0**21 - 4 for v in range(VOCAB_SIZE)]
    row[1] += 1.5
    row[7] += 1.0
    return row


class Encoder(torch.nn.Module):
    main_input_name = "input_ids"

    def forward(self, input_ids, attention_mask=None, **kwargs):
        return BaseModelOutput(last_hidden_state=torch.zeros(*input_ids.shape, 1))


class HashModel(PreTrainedModel, GenerationMixin):
    config_class = T5Config
    main_input_name = "input_ids"

    def __init__(self, config):
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.encoder = Encoder()
        self.seed, self.noise = 0, 0.0

    def get_encoder(self, modality=None):
        return self.encoder

    def prepare_inputs_for_generation(self, input_ids, encoder_outputs=None, **kwargs):
        return {"decoder_input_ids": input_ids, "encoder_outputs": encoder_outputs}

    def forward(self, input_ids=None, attention_mask=None, decoder_input_ids=None, encoder_outputs=None, use_cache=None,
                return_dict=None, **kwargs):
        rows = []
        for ids in decoder_input_ids.tolist():
            state = state_of(self.seed, ids)
            shake = random.Random(state)
            rows.append([x + self.noise * shake.uniform(-1, 1) for x in logits_of(state)])
        return Seq2SeqLMOutput(logits=torch.tensor(rows, dtype=torch.float32)[:, None, :])


class RandomGenerator:
    """src/generation/random.h"""

    def __init__(self, seed, stream):
        self.state = self.mixed(self.mixed(seed) + stream & MASK64)

    @staticmethod
    def mixed(x):
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK64
        x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK64
        return x ^ x >> 31

    def uniform(self):
        self.state = self.state + 0x9E3779B97F4A7C15 & MASK64
        return ((self.mixed(self.state) >> 12) + 0.5) * 2.0**-52


class Draws:
    """In the place of torch.multinomial: a row of probabilities is a sequence, or all beams of the one input."""

    def __init__(self, seed, rows):
        self.generators = [RandomGenerator(seed, i) for i in range(rows)]

    def __call__(self, probabilities, num_samples):
        draw = self.one if num_samples == 1 else self.many
        return torch.tensor([draw(row.tolist(), generator, num_samples)
                             for row, generator in zip(probabilities, self.generators)])

    @staticmethod
    def one(row, generator, _):
        left, drawn = generator.uniform() * sum(row), 0
        for i, p in enumerate(row):
            if p > 0:
                drawn, left = i, left - p
                if left < 0:
                    break
        return [drawn]

    @staticmethod
    def many(row, generator, count):
        order = [(math.log(p) - math.log(-math.log(generator.uniform())), i) for i, p in enumerate(row) if p > 0]
        drawn = [i for _, i in sorted(order, reverse=True)[:count]]
        return drawn + [i for i, p in enumerate(row) if p == 0][:count - len(drawn)]


def run(model, options, encoder_ids, noise):
    """(sequences, scores) of one case."""
    options = dict(options)
    rows = options.get("num_return_sequences", 1) if options.get("num_beams", 1) == 1 else 1
    multinomial, torch.multinomial = torch.multinomial, Draws(options.pop("seed", 0), rows)
    model.noise = noise
    model.generation_config = GenerationConfig(use_cache=False)
    try:
        result = model.generate(torch.tensor([encoder_ids]), generation_config=GenerationConfig(
            **options, use_cache=False, return_dict_in_generate=True, output_scores=True, output_logits=True))
    finally:
        torch.multinomial = multinomial
    ids = result.sequences.tolist()
    if options.get("num_beams", 1) > 1:
        return ids, result.sequences_scores.tolist()
    ends = options["eos_token_id"] if isinstance(options["eos_token_id"], list) else [options["eos_token_id"]]
    scores = []
    for row, sequence in enumerate(ids):
        score = 0.0
        for step, token in enumerate(sequence[1:]):
            score += torch.log_softmax(result.logits[step][row], -1)[token].item()
            if token in ends:
                break
        scores.append(score)
    return ids, scores


def grid(**axes):
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def processor_options():
    """Each processor by itself, and some together."""
    return [
        {"sequence_bias": [[[5], 1.5], [[9], -2.0], [[5, 9], 3.0], [[0, 12], 2.0], [[7, 9, 5], 4.0], [[12, 5], -1.0]]},
        {"encoder_repetition_penalty": 1.4}, {"encoder_repetition_penalty": 0.7},
        {"repetition_penalty": 1.5}, {"repetition_penalty": 0.8}, {"repetition_penalty": 3.0, "no_repeat_ngram_size": 2},
        {"no_repeat_ngram_size": 1}, {"no_repeat_ngram_size": 2}, {"no_repeat_ngram_size": 3},
        {"encoder_no_repeat_ngram_size": 1}, {"encoder_no_repeat_ngram_size": 2}, {"encoder_no_repeat_ngram_size": 3},
        {"bad_words_ids": [[4], [1], [0, 11], [8, 9], [30, 31, 32]] + [[i] for i in range(20, 30)]},
        {"bad_words_ids": [[a, b] for a in range(2, 40, 3) for b in range(2, 40, 2)]},
        {"min_length": 6}, {"min_new_tokens": 6}, {"min_length": 4, "min_new_tokens": 7},
        {"forced_bos_token_id": 17}, {"forced_eos_token_id": 1}, {"forced_eos_token_id": [1, 5]},
        {"forced_bos_token_id": 17, "forced_eos_token_id": 1, "begin_suppress_tokens": [3, 1, 7]},
        {"exponential_decay_length_penalty": [2, 1.3], "min_length": 3},
        {"exponential_decay_length_penalty": [0, 0.8]},
        {"suppress_tokens": [1, 2, 3, 4, 5, 6]}, {"begin_suppress_tokens": list(range(1, 20))},
        {"renormalize_logits": True, "repetition_penalty": 2.0, "bad_words_ids": [[i] for i in range(2, 30)]},
        {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2, "min_length": 5, "suppress_tokens": [7],
         "bad_words_ids": [[9], [12, 5]], "exponential_decay_length_penalty": [4, 1.1], "forced_eos_token_id": 1},
    ]


def warper_options():
    return [
        {}, {"top_k": 0}, {"top_k": 1}, {"top_k": 5}, {"temperature": 0.5}, {"temperature": 2.5, "top_k": 0},
        {"top_p": 0.9}, {"top_p": 0.3, "top_k": 0}, {"top_p": 0.0}, {"top_p": 0.7, "temperature": 0.7, "top_k": 10},
        {"min_p": 0.1}, {"min_p": 0.5, "top_k": 0}, {"typical_p": 0.9, "top_k": 0}, {"typical_p": 0.3},
        {"epsilon_cutoff": 0.02, "top_k": 0}, {"epsilon_cutoff": 0.3}, {"eta_cutoff": 0.05, "top_k": 0},
        {"eta_cutoff": 0.3, "temperature": 3.0},
        {"temperature": 1.3, "top_k": 20, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.8, "epsilon_cutoff": 0.01,
         "eta_cutoff": 0.02, "renormalize_logits": True},
    ]


def search_options():
    beams = grid(num_beams=[2, 3, 5], length_penalty=[-1.0, 0.0, 0.5, 1.0, 2.0], early_stopping=[False, True, "never"],
                 max_new_tokens=[4, 12])
    beams += grid(num_beams=[1], max_new_tokens=[1, 2, 7, 12, 30])
    beams += grid(num_beams=[2, 4], max_new_tokens=[1, 2], num_return_sequences=[1, 2])
    beams += grid(num_beams=[3], max_length=[2, 9], min_length=[0, 5], num_return_sequences=[1, 3])
    beams += grid(num_beams=[4], early_stopping=[False, True, "never"], num_return_sequences=[4],
                  length_penalty=[0.0, 1.0, 2.0])
    beams += [{}, {"num_beams": 3}, {"max_length": 8, "max_new_tokens": 3}]
    for options in beams:
        yield {**options, **IDS}
        yield {**options, **OTHER_IDS}
    for options, beam in itertools.product(processor_options(), [1, 4]):
        yield {**options, "num_beams": beam, "max_new_tokens": 12, **IDS}
        yield {**options, "num_beams": beam, "max_new_tokens": 9, "length_penalty": 0.5, **OTHER_IDS}
    seed = 0
    for options, more in itertools.product(warper_options(), [
            {"num_return_sequences": 3}, {"num_beams": 3, "num_return_sequences": 2},
            {"num_beams": 2, "length_penalty": 2.0, "repetition_penalty": 1.3}]):
        seed += 1
        yield {**options, **more, "do_sample": True, "max_new_tokens": 10, "seed": seed * 1000003,
               **(IDS if seed % 2 else OTHER_IDS)}


def write(name, cases):
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    (OUT / name).write_text(text)
    print(f"{name}: {len(cases)} cases, {len(text)} bytes")


def write_searches(model):
    cases, dropped = [], 0
    for number, options in enumerate(search_options()):
        model.seed = 1 + number % 97
        shuffled = random.Random(number)
        encoder_ids = [shuffled.randrange(2, VOCAB_SIZE) for _ in range(shuffled.randrange(1, 12))] + [1]
        ids, scores = run(model, options, encoder_ids, 0.0)
        if run(model, options, encoder_ids, 2e-5)[0] != ids:
            dropped += 1
            continue
        cases.append({"seed": model.seed, "options": options, "input": encoder_ids, "ids": ids,
                      "scores": [round(score, 5) for score in scores]})
    print(f"{dropped} cases hang on rounding and are dropped")
    write("searches.json", cases)


def write_warpers(model):
    cases = []
    for number, (options, beam) in enumerate(itertools.product(warper_options(), [1, 2, 3])):
        ids = IDS if number % 2 else OTHER_IDS
        values = {**GenerationConfig._get_default_generation_params(), **options, **ids, "do_sample": True, "num_beams": beam}
        config = GenerationConfig(**values)
        model._prepare_special_tokens(config)
        warpers = model._get_logits_processor(config, input_ids_seq_length=1, logits_processor=LogitsProcessorList())
        state = state_of(500 + number, [0])
        scores = warpers(torch.tensor([[0]]), torch.tensor([logits_of(state)], dtype=torch.float32))[0]
        p = torch.softmax(scores, -1)
        kept = [i for i, score in enumerate(scores.tolist()) if score > -math.inf]
        cases.append({"state": state, "options": {**options, "do_sample": True, "num_beams": beam, **ids}, "ids": kept,
                      "p": [round(p[i].item(), 6) for i in kept]})
    write("warpers.json", cases)


def main():
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    model = HashModel(T5Config(vocab_size=VOCAB_SIZE, d_model=4, num_layers=1, num_heads=1, d_kv=4, d_ff=4))
    OUT.mkdir(parents=True, exist_ok=True)
    write_searches(model)
    write_warpers(model)


if __name__ == "__main__":
    main()
