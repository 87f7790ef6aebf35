#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near generation in lower precision is to the reference: transformers in float64 on the tiny models of tests/golden/t5
(float32 on the shared fixture), whose weights are random: scores lie much closer together than a trained model's.

usage: bench/generate_quality.py [--append]
For each model and precision: the share of greedy ids that are the reference's, place by place; answers that are equal from
beginning to end; and the KL divergence of the first token's distribution from the reference's, its mean and its largest.
The log probability of each id is that of a text of one token that is forced to be it.
"""
import json
import math
import subprocess
import sys

import ledger

PRECISIONS = ("fp32", "bf16", "int8")


def fixtures():
    """(name, directory, cases): input_ids, greedy, first_logits."""
    shared = ledger.DATA / "t5_fixtures/t5_relu_tied"
    if shared.exists():
        yield "t5_relu_tied", shared / "hf", json.loads((shared / "expected.json").read_text())
    for directory in sorted((ledger.ROOT / "tests/golden/t5").iterdir()):
        cases = json.loads((directory / "golden.json").read_text())["cases"]
        yield directory.name, directory, [{**case, "input_ids": case["ids"]} for case in cases]


def generate(minnow, model, dtype, requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    command = [minnow, "generate", "--model", model, "--dtype", dtype, "--input-ids", "--json"]
    done = subprocess.run([str(part) for part in command], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def divergence(logits, found):
    """Of natural logarithms of probabilities from softmax(logits)."""
    most = max(logits)
    log_sum = most + math.log(sum(math.exp(x - most) for x in logits))
    return sum(math.exp(x - log_sum) * (x - log_sum - y) for x, y in zip(logits, found))


def measure(minnow, model, dtype, cases):
    answers = generate(minnow, model, dtype, [{"input_ids": case["input_ids"], "max_new_tokens": len(case["greedy"]) - 1,
                                               "eos_token_id": []} for case in cases])
    pairs = [(a, b) for case, answer in zip(cases, answers) for a, b in zip(case["greedy"][1:], answer["ids"][1:])]
    whole = sum(case["greedy"] == answer["ids"] for case, answer in zip(cases, answers))
    divergences = []
    for case in cases:
        forced = [{"input_ids": case["input_ids"], "max_new_tokens": 1, "forced_bos_token_id": i} for i in range(len(case["first_logits"]))]
        found = [answer["score"] for answer in generate(minnow, model, dtype, forced)]
        divergences.append(max(0.0, divergence(case["first_logits"], found)))
    return sum(a == b for a, b in pairs) / len(pairs), whole, len(cases), sum(divergences) / len(cases), max(divergences)


def main():
    args = ledger.parser(__doc__, peers=False).parse_args()
    start = ledger.machine()
    lines = ["| model | precision | equal ids | equal answers | KL mean | KL largest |", "|---|---|---|---|---|---|"]
    for name, model, cases in fixtures():
        for dtype in PRECISIONS:
            share, whole, count, mean, most = measure(args.minnow, model, dtype, cases)
            lines.append(f"| {name} | {dtype} | {100 * share:.1f} % | {whole} of {count} | {mean:.2g} | {most:.2g} |")
    ledger.report(args, "quality of generation in lower precision", start, "\n".join(lines))


if __name__ == "__main__":
    main()
