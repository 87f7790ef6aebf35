#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/diffusion_schedulers.json and diffusion_noise.json: what diffusers' schedulers make of a model
that a line of arithmetic is, and what torch's generator for the CPU draws.

The model answers 0.3 x + (t / 1000 - 0.5) p, with a fixed p, so that the test can do the same. Each case holds the
fields of scheduler_config.json, the timesteps, and two values of the latent at the beginning and after each step.
Noise is stored as a hash of its bits (FNV-1a, 64 bits) with the first and the last value.

    pip install torch 'diffusers==0.42.*' transformers scipy
    python3 tools/make_scheduler_golden.py
"""
import itertools
import json
import pathlib
import warnings

import diffusers
import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[1] / "tests/golden"
SHAPE = (1, 4, 2, 3)
SEED = 7
SHOWN = (0, 13)  # the values of a latent that are stored
CLASSES = {
    "ddim": "DDIMScheduler", "pndm": "PNDMScheduler", "euler": "EulerDiscreteScheduler",
    "euler_a": "EulerAncestralDiscreteScheduler", "heun": "HeunDiscreteScheduler", "lms": "LMSDiscreteScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler", "dpmpp_2m_karras": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler", "lcm": "LCMScheduler", "ddpm": "DDPMScheduler",
}
BASE = {
    "_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
    "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
    "clip_sample": False,
}
V = {"prediction_type": "v_prediction"}
ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", **V}
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
KARRAS = {"use_karras_sigmas": True}
SMALLEST = {"final_sigmas_type": "sigma_min"}


def pattern():
    count = np.prod(SHAPE)
    return torch.tensor([(k * 37 % 64 - 31.5) / 32 for k in range(count)], dtype=torch.float32).reshape(SHAPE)


def original():
    count = np.prod(SHAPE)
    return torch.tensor([(k * 29 % 32 - 15.5) / 16 for k in range(count)], dtype=torch.float32).reshape(SHAPE)


def shown(latent):
    values = latent.flatten().tolist()
    return [values[k] for k in SHOWN]


def short(values):
    """The shortest decimals of float32."""
    return [float(str(np.float32(v))) for v in values]


def run(name, config, steps, first=0, eta=0.0, part=1.0):
    overrides = KARRAS if name == "dpmpp_2m_karras" else {}
    scheduler = getattr(diffusers, CLASSES[name]).from_config(config, **overrides)
    more = {"strength": part} if part != 1.0 else {}
    scheduler.set_timesteps(steps, **more)
    timesteps = scheduler.timesteps[first:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(SHAPE, generator=generator)
    if first or part != 1.0:
        latent = scheduler.add_noise(original(), noise, timesteps[:1])
    else:
        latent = noise * scheduler.init_noise_sigma
    case = {"name": name, "config": config, "steps": steps, "first": first, "eta": eta, "part": part,
            "timesteps": short(scheduler.timesteps.tolist()), "begin": short(shown(latent)), "latents": []}
    extra = {"generator": generator} if name in ("ddim", "euler_a", "lcm", "ddpm") else {}
    if name == "ddim":
        extra["eta"] = eta
    for t in timesteps:
        answer = 0.3 * scheduler.scale_model_input(latent, t) + (float(t) * 0.001 - 0.5) * pattern()
        latent = scheduler.step(answer, t, latent, return_dict=False, **extra)[0]
        assert latent.isfinite().all(), (name, config, steps)
        case["latents"] += short(shown(latent))
    return case


def usual_cases():
    for name in CLASSES:
        for spacing, steps in itertools.product(("leading", "linspace", "trailing"), (1, 2, 4, 8, 20, 50)):
            if name == "lcm" and spacing != "leading":
                continue  # it does not look at it
            yield name, {**BASE, "timestep_spacing": spacing}, steps, {}
        order = 2 if name == "heun" else 1
        for steps, skipped in ((8, 2), (20, 10), (50, 36), (8, 7)):
            yield name, BASE, steps, {"first": skipped * order}
        yield name, {**BASE, **V}, 8, {}
        yield name, {**BASE, **COSINE}, 10, {}
        yield name, {"_class_name": CLASSES[name]}, 10, {}
        if name not in ("pndm", "euler_a"):
            yield name, {**BASE, "prediction_type": "sample"}, 8, {}
        if name not in ("pndm", "heun", "lms"):
            yield name, {**BASE, **ZERO_SNR}, 8, {}
    for name, steps in itertools.product(("euler", "heun", "lms", "unipc"), (1, 8, 20)):
        yield name, {**BASE, **KARRAS}, steps, {}
    for name, steps in itertools.product(("dpmpp_2m_karras", "unipc"), (8, 20)):
        yield name, {**BASE, **KARRAS, **V}, steps, {"first": 3}
        yield name, {**BASE, **KARRAS, **COSINE}, steps, {}
        yield name, {**BASE, **KARRAS, **SMALLEST}, steps, {}
    for name, steps in itertools.product(("euler", "dpmpp_2m", "unipc"), (8, 20)):
        yield name, {**BASE, **SMALLEST}, steps, {}


def special_cases():
    for eta in (0.5, 1.0):
        yield "ddim", BASE, 8, {"eta": eta}
        yield "ddim", BASE, 20, {"eta": eta, "first": 10}
    yield "ddim", {**BASE, "set_alpha_to_one": True}, 8, {}
    yield "ddim", {**BASE, "clip_sample": True, "clip_sample_range": 0.5}, 8, {}
    yield "heun", {**BASE, "clip_sample": True, "clip_sample_range": 0.5}, 8, {}
    yield "euler", {**BASE, **KARRAS, "sigma_min": 0.1, "sigma_max": 10.0}, 8, {}
    yield "ddim", {"_class_name": "DDIMScheduler", "num_train_timesteps": 10,
                   "trained_betas": [0.01 * (i + 1) for i in range(10)]}, 5, {}
    for variance in ("fixed_small", "fixed_small_log", "fixed_large"):
        yield "ddpm", {**BASE, "_class_name": "DDPMScheduler", "variance_type": variance}, 8, {}
    for steps in (4, 8, 20):
        yield "pndm", {**BASE, "skip_prk_steps": False}, steps, {}
        yield "pndm", {**BASE, **V, "skip_prk_steps": False}, steps, {}
    for part in (0.5, 0.75):
        yield "lcm", BASE, 4, {"part": part}
    yield "lcm", {**BASE, "_class_name": "LCMScheduler", "original_inference_steps": 100, "timestep_scaling": 2.0}, 8, {}
    for order, steps in itertools.product((1, 3), (8, 20)):
        yield "dpmpp_2m", {**BASE, "solver_order": order}, steps, {}
        yield "unipc", {**BASE, "solver_order": order}, steps, {"first": 1}
    for solver in ({"solver_type": "heun"}, {"lower_order_final": False}, {"euler_at_final": True, **SMALLEST},
                   {"lambda_min_clipped": -5.1, **COSINE}, {"lambda_min_clipped": -5.1, **COSINE, "timestep_spacing": "trailing"}):
        yield "dpmpp_2m", {**BASE, "_class_name": CLASSES["dpmpp_2m"], **solver}, 8, {}
    for solver in ({"solver_type": "bh1", **SMALLEST}, {"solver_type": "bh1", "solver_order": 3, **SMALLEST},
                   {"disable_corrector": [0, 1]}, {"lower_order_final": False, **SMALLEST}):
        yield "unipc", {**BASE, "_class_name": CLASSES["unipc"], **solver}, 8, {}


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def noise_cases():
    sizes = [[n] for n in (1, 15, 16, 17, 20, 31, 32, 100, 192, 7168, 16384 + 3)]
    sizes += [[3, 16, 2, 1, 20, 5, 17], [1, 64, 1], [16, 16], [100, 15, 15, 100], [15, 15, 15]]
    for seed, calls in itertools.product((0, 7, 2**32 - 1, 2**40 + 5), sizes):
        generator = torch.Generator().manual_seed(seed)
        drawn = [torch.randn(n, generator=generator).numpy() for n in calls]
        yield {"seed": seed, "calls": calls, "bits": [fnv(d.tobytes()) for d in drawn],
               "ends": [short([d[0], d[-1]]) for d in drawn]}


def write(path, rows):
    """One case a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


def main():
    warnings.simplefilter("ignore")
    diffusers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    write(OUT / "diffusion_noise.json", list(noise_cases()))
    cases = itertools.chain(usual_cases(), special_cases())
    write(OUT / "diffusion_schedulers.json", [run(name, config, steps, **more) for name, config, steps, more in cases])


if __name__ == "__main__":
    main()
