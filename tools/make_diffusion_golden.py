#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/diffusion/*: shapes of tiny diffusion models, and what diffusers computes with them in float64.

    pip install torch 'diffusers==0.42.*' 'transformers==5.*'
    tools/make_diffusion_golden.py tests/golden/diffusion TAESD

TAESD: a folder with taesd_encoder.safetensors and taesd_decoder.safetensors, whose weights are the only ones that are
not made here. All others, and all inputs, are numbers that a formula gives for a name (values below, and
tests/formula_values.h), so that a fixture holds names and shapes: "tensors" has for each name its shape, or the names
whose values stand in it one after the other and its shape. NAME.safetensors holds the outputs.
"""
import argparse
import json
import math
import pathlib

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

MASK = (1 << 64) - 1


def values(name, shape):
    """Uniform numbers of about unit variance after a product; norms' weights are near 1."""
    seed = 0xcbf29ce484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001b3) & MASK
    count = math.prod(shape)
    z = np.uint64(seed) + (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    z ^= z >> np.uint64(31)
    uniform = (z >> np.uint64(40)).astype(np.float64) * 2.0 ** -23 - 1.0
    if name.startswith("input."):
        out = uniform * math.sqrt(3.0)
    elif len(shape) > 1:
        out = uniform * math.sqrt(3.0 / math.prod(shape[1:]))
    elif name.endswith(".bias"):
        out = uniform * 0.1
    else:
        out = 1.0 + uniform * 0.2
    return torch.from_numpy(out.astype(np.float32)).reshape(shape)


def bare(name):
    """As files of transformers 5 have it."""
    return name.removeprefix("text_model.")


def fill(model):
    state = {name: values(bare(name), list(tensor.shape)) if tensor.is_floating_point() else tensor
             for name, tensor in model.state_dict().items()}
    model.load_state_dict(state)
    return model.double().eval()


def shapes(model):
    return {bare(name): list(tensor.shape) for name, tensor in model.state_dict().items()
            if tensor.is_floating_point()}


def config_of(model):
    config = model.config.to_dict() if hasattr(model.config, "to_dict") else \
        {"_class_name": type(model).__name__, **model.config}
    return {key: value for key, value in config.items()
            if value is not None and isinstance(value, (int, float, str, list, tuple)) and key != "_name_or_path"}


class Writer:
    def __init__(self, root):
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def write(self, name, fixture, outputs):
        text = json.dumps(fixture, separators=(",", ":"), sort_keys=True)
        (self.root / f"{name}.json").write_text(text + "\n")
        save_file({key: (tensor if tensor.dtype == torch.uint8 else tensor.float()).contiguous()
                   for key, tensor in outputs.items()}, self.root / f"{name}.safetensors")


UNET = dict(layers_per_block=1, norm_num_groups=8, cross_attention_dim=24, sample_size=16)
CROSS, PLAIN = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D"), ("DownBlock2D", "UpBlock2D")


def blocks(kinds):
    return dict(down_block_types=tuple(kind[0] for kind in kinds),
                up_block_types=tuple(kind[1] for kind in reversed(kinds)))


# name: (config, images, height, width, timesteps, scale of guidance that it was taught)
UNETS = {
    # Stable Diffusion 2: linear projections, a list of heads; sides that are odd, times that are fractions.
    "unet_sd2": (dict(block_out_channels=(16, 32), attention_head_dim=[2, 4], use_linear_projection=True,
                      **blocks([CROSS, PLAIN])), 2, 9, 13, [501.0, 856.2857], None),
    # 65 -> 33 -> 17 -> 9 on the way down, and back.
    "unet_odd": (dict(block_out_channels=(16, 16, 32, 32), attention_head_dim=2,
                      **blocks([PLAIN, CROSS, PLAIN, PLAIN])), 1, 65, 9, [999.0], None),
    "unet_lcm": (dict(block_out_channels=(16, 32), attention_head_dim=4, time_cond_proj_dim=14,
                      **blocks([PLAIN, CROSS])), 2, 6, 8, [259.0, 259.0], [8.5, 1.0]),
    "unet_inpaint": (dict(block_out_channels=(16, 24), attention_head_dim=2, in_channels=9,
                          transformer_layers_per_block=2, flip_sin_to_cos=False, freq_shift=1,
                          **blocks([CROSS, PLAIN])), 1, 7, 4, [1.0], None),
}
TOKENS = 5


def guidance_embedding(scale, channels):
    """LatentConsistencyModelPipeline.get_guidance_scale_embedding of scale - 1."""
    w = (torch.tensor(scale) - 1) * 1000.0
    half = channels // 2
    step = math.log(10000.0) / (half - 1)
    angles = w[:, None] * torch.exp(torch.arange(half, dtype=torch.float32) * -step)[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def unet_output(unet, images, height, width, timesteps, scale=None):
    latents = values("input.latents", [images, unet.config.in_channels, height, width]).double()
    prompt = values("input.prompt", [images, TOKENS, unet.config.cross_attention_dim]).double()
    condition = None
    if scale is not None:
        condition = guidance_embedding(scale, unet.config.time_cond_proj_dim).double()
    return unet(latents, torch.tensor(timesteps), prompt, timestep_cond=condition).sample


def make_unets(writer):
    for name, (config, images, height, width, timesteps, scale) in UNETS.items():
        unet = fill(UNet2DConditionModel(**{**UNET, **config}))
        fixture = {"config": config_of(unet), "tensors": shapes(unet), "images": images, "height": height,
                   "width": width, "timesteps": timesteps, "guidance": scale or [], "tokens": TOKENS}
        writer.write(name, fixture, {"y": unet_output(unet, images, height, width, timesteps, scale)})


OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_attention_name(name):
    for new, old in OLD_ATTENTION.items():
        name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name


def make_vae(writer):
    vae = fill(AutoencoderKL(block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, sample_size=16,
                             down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2))
    tensors = {}
    for name, shape in shapes(vae).items():
        old = old_attention_name(name)
        tensors[old] = shape if old == name else [[name], shape]
    pixels = values("input.pixels", [1, 3, 40, 26]).double()
    latents = values("input.latents", [1, 4, 20, 13]).double()
    outputs = {"moments": vae.encode(pixels).latent_dist.parameters, "pixels": vae.decode(latents).sample}
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size, vae.tile_overlap_factor = 16, 8, 0.25
    outputs["tiled_moments"] = vae.encode(pixels).latent_dist.parameters
    outputs["tiled_pixels"] = vae.decode(latents).sample
    writer.write("vae_old", {"config": config_of(vae), "tensors": tensors, "height": 20, "width": 13, "tile": 8},
                 outputs)


def make_tiny_vae(writer):
    vae = fill(AutoencoderTiny(encoder_block_out_channels=(16,) * 3, decoder_block_out_channels=(16,) * 3,
                               num_encoder_blocks=(1, 2, 1), num_decoder_blocks=(2, 1, 1)))
    outputs = {"moments": vae.encode(values("input.pixels", [2, 3, 12, 8]).double()).latents,
               "pixels": vae.decode(values("input.latents", [2, 4, 3, 2]).double()).sample}
    writer.write("vae_tiny", {"config": config_of(vae), "tensors": shapes(vae), "height": 3, "width": 2, "images": 2},
                 outputs)


def make_taesd(writer, folder):
    """The real weights, in the names of diffusers' layers, over an image that numbers make."""
    vae = AutoencoderTiny()
    encoder, decoder = (load_file(folder / f"taesd_{half}.safetensors") for half in ("encoder", "decoder"))
    state = {f"encoder.layers.{name}": tensor for name, tensor in encoder.items()}
    for name, tensor in decoder.items():
        layer, rest = name.split(".", 1)
        state[f"decoder.layers.{int(layer) - 1}.{rest}"] = tensor
    vae.load_state_dict(state)
    vae.double().eval()
    y, x, c = np.meshgrid(np.arange(48), np.arange(64), np.arange(3), indexing="ij")
    image = (x * 3 + y * 5 + c * 60 + (x * y) // 16) % 256
    pixels = torch.from_numpy(image / 127.5 - 1.0).permute(2, 0, 1)[None]
    latents = vae.encode(pixels).latents
    bytes_out = ((vae.decode(latents).sample / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    writer.write("taesd", {"height": 48, "width": 64}, {"latents": latents, "bytes": bytes_out})


def clip_of(**config):
    common = dict(vocab_size=40, intermediate_size=44, max_position_embeddings=6, bos_token_id=1, eos_token_id=2,
                  pad_token_id=0)
    return fill(CLIPTextModel(CLIPTextConfig(**{**common, **config})))


IDS = [[1, 7, 39, 12, 2, 2], [1, 2, 2, 2, 2, 2]]


def make_clip(writer):
    clip = clip_of(hidden_size=24, num_attention_heads=3, num_hidden_layers=4, hidden_act="gelu")
    out = clip(torch.tensor(IDS), output_hidden_states=True)
    norm = next(module for name, module in clip.named_modules() if bare(name) == "final_layer_norm")
    outputs = {"skip0": out.last_hidden_state, "skip2": norm(out.hidden_states[-3])}
    writer.write("clip", {"config": config_of(clip), "tensors": shapes(clip), "ids": IDS}, outputs)


UNET_ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
             "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
             "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
             "mid_block.resnets.1": "middle_block.2"}
UNET_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
               "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def replace_start(name, rows):
    for start, other in rows.items():
        if name.startswith(start + "."):
            return other + name[len(start):]
    return name


def single_unet_name(name, layers, attends):
    """attends: whether the up block has attention, by its number."""
    kind, *rest = name.split(".")
    if kind in ("down_blocks", "up_blocks"):
        block, what, layer, tail = int(rest[0]), rest[1], int(rest[2]), ".".join(rest[3:])
        at = block * (layers + 1) + layer
        if what == "downsamplers":
            return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{rest[4]}"
        if what == "upsamplers":
            return f"output_blocks.{block * (layers + 1) + layers}.{2 if attends[block] else 1}.conv.{rest[4]}"
        part = f"input_blocks.{at + 1}" if kind == "down_blocks" else f"output_blocks.{at}"
        return f"{part}.0.{replace_start(tail, UNET_RESNET)}" if what == "resnets" else f"{part}.1.{tail}"
    name = replace_start(name, UNET_ENDS)
    for number in (0, 2):
        start = f"middle_block.{number}."
        if name.startswith(start):
            name = start + replace_start(name[len(start):], UNET_RESNET)
    return name


VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def single_vae_name(name, levels):
    half, *rest = name.split(".")
    if half not in ("encoder", "decoder"):
        return name
    tail = ".".join(rest)
    if tail.startswith("conv_norm_out."):
        return f"{half}.norm_out.{rest[1]}"
    if tail.startswith("mid_block.attentions.0."):
        return f"{half}.mid.attn_1." + replace_start(".".join(rest[3:]), VAE_ATTENTION)
    if tail.startswith("mid_block.resnets."):
        return f"{half}.mid.block_{int(rest[2]) + 1}." + ".".join(rest[3:])
    if rest[0] not in ("down_blocks", "up_blocks"):
        return name
    level = int(rest[1]) if half == "encoder" else levels - 1 - int(rest[1])
    parent = f"{half}.{'down' if half == 'encoder' else 'up'}.{level}."
    if rest[2] == "resnets":
        return parent + f"block.{rest[3]}." + replace_start(".".join(rest[4:]), {"conv_shortcut": "nin_shortcut"})
    return parent + ("downsample." if half == "encoder" else "upsample.") + ".".join(rest[4:])


def open_clip_tensors(clip):
    """Names of OpenCLIP, and the last layer that nobody uses."""
    tensors = {}
    shape_of = shapes(clip)
    layers = clip.config.num_hidden_layers
    rows = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
            "mlp.fc2": "mlp.c_proj"}
    for name, shape in shape_of.items():
        if name.startswith("embeddings.token"):
            tensors["token_embedding.weight"] = [[name], shape]
        elif name.startswith("embeddings.position"):
            tensors["positional_embedding"] = [[name], shape]
        elif name.startswith("final_layer_norm"):
            tensors["ln_final" + name[len("final_layer_norm"):]] = [[name], shape]
        elif ".self_attn.q_proj." in name:
            layer, kind = name.split(".")[2], name.rsplit(".", 1)[1]
            parts = [name.replace("q_proj", f"{part}_proj") for part in "qkv"]
            joined = f"transformer.resblocks.{layer}.attn.in_proj_{kind}"
            tensors[joined] = [parts, [3 * shape[0], *shape[1:]]]
        elif ".self_attn.k_proj." not in name and ".self_attn.v_proj." not in name:
            layer, tail = name.split(".")[2], ".".join(name.split(".")[3:])
            tensors[f"transformer.resblocks.{layer}.{replace_start(tail, rows)}"] = [[name], shape]
    tensors[f"transformer.resblocks.{layers}.ln_1.weight"] = [["unused"], [clip.config.hidden_size]]
    return tensors


def build(tensors, prefix=""):
    built = {}
    for name, (parts, shape) in tensors.items():
        piece = [shape[0] // len(parts), *shape[1:]]
        built[prefix + name] = torch.cat([values(part, piece) for part in parts])
    return built


def check_names(tensors, prefix, model, convert):
    """That diffusers reads the names as we gave them."""
    converted = {bare(name): tensor for name, tensor in convert(build(tensors, prefix)).items()}
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(converted[bare(name)].reshape(tensor.shape).double(), tensor), name


def make_single(writer, name, prompt_channels, channels, heads, open_clip):
    unet = fill(UNet2DConditionModel(**{**UNET, "norm_num_groups": 32, "cross_attention_dim": prompt_channels},
                                     block_out_channels=channels, attention_head_dim=heads, **blocks([CROSS, PLAIN])))
    vae = fill(AutoencoderKL(block_out_channels=(32, 32), layers_per_block=1, sample_size=16,
                             down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2))
    clip = clip_of(hidden_size=prompt_channels, num_attention_heads=prompt_channels // 64, num_hidden_layers=2,
                   hidden_act="gelu" if open_clip else "quick_gelu")
    unet_tensors = {single_unet_name(key, 1, [False, True]): [[key], shape] for key, shape in shapes(unet).items()}
    vae_tensors = {}
    for key, shape in shapes(vae).items():
        square = ".attentions.0." in key and len(shape) == 2
        vae_tensors[single_vae_name(key, 2)] = [[key], [*shape, 1, 1] if square else shape]
    check_names(unet_tensors, "model.diffusion_model.", unet,
                lambda state: single_file_utils.convert_ldm_unet_checkpoint(state, dict(unet.config)))
    check_names(vae_tensors, "first_stage_model.", vae,
                lambda state: single_file_utils.convert_ldm_vae_checkpoint(state, dict(vae.config)))
    if open_clip:
        text_prefix, text_tensors = "cond_stage_model.model.", open_clip_tensors(clip)
    else:
        text_prefix = "cond_stage_model.transformer.text_model."
        text_tensors = {key: [[key], shape] for key, shape in shapes(clip).items()}
        check_names(text_tensors, text_prefix, clip, single_file_utils.convert_ldm_clip_checkpoint)
    tensors = {"model_ema.decay": [["unused"], [1]], "betas": [["unused"], [5]]}
    for prefix, part in (("model.diffusion_model.", unet_tensors), ("first_stage_model.", vae_tensors),
                         (text_prefix, text_tensors)):
        tensors.update({prefix + key: value for key, value in part.items()})
    outputs = {"unet": unet_output(unet, 1, 4, 6, [321.0]),
               "pixels": vae.decode(values("input.latents", [1, 4, 3, 4]).double()).sample,
               "moments": vae.encode(values("input.pixels", [1, 3, 6, 8]).double()).latent_dist.parameters,
               "hidden": clip(torch.tensor(IDS[:1])).last_hidden_state[:, :, :32]}
    writer.write(name, {"tensors": tensors, "ids": IDS[:1]}, outputs)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("taesd", type=pathlib.Path)
    args = parser.parse_args()
    writer = Writer(args.out)
    make_unets(writer)
    make_vae(writer)
    make_tiny_vae(writer)
    make_taesd(writer, args.taesd)
    make_clip(writer)
    make_single(writer, "single_sd1", 768, (32, 64), 8, open_clip=False)
    make_single(writer, "single_sd2", 1024, (64, 128), [1, 2], open_clip=True)


if __name__ == "__main__":
    main()
