#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times onnxruntime on one batch of unequal texts, padded to the longest as its users do. Needs onnxruntime, numpy.

usage: ort_padded.py MODEL.onnx LENGTH,LENGTH,...      prints: mixed min 31.02 median 31.40 ms
"""
import sys
import time

import numpy as np
import onnxruntime

MIN_SECONDS, MIN_RUNS = 1.5, 5

path, lengths = sys.argv[1], np.array([int(n) for n in sys.argv[2].split(",")])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

mask = (np.arange(lengths.max())[None, :] < lengths[:, None]).astype(np.int64)
ids = np.random.default_rng(0).integers(1000, 20000, mask.shape) * mask
inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
feed = {i.name: inputs[i.name] for i in session.get_inputs()}

for _ in range(2):
    session.run(None, feed)
times, end = [], time.perf_counter() + MIN_SECONDS
while time.perf_counter() < end or len(times) < MIN_RUNS:
    begin = time.perf_counter()
    session.run(None, feed)
    times.append(1e3 * (time.perf_counter() - begin))
times.sort()
print(f"mixed min {times[0]:.2f} median {times[len(times) // 2]:.2f} ms")
