# SPDX-License-Identifier: Apache-2.0
"""A model that makes text of text: the tiny T5 of tests/golden/t5/v1_1 with a tokenizer of its 72 ids."""
import json
import pathlib
import shutil
import struct

T5 = pathlib.Path(__file__).resolve().parents[1] / "golden/t5/v1_1"
SPACE = "\u2581"
WORDS = """a the of in and is small old fish river bridge water stone light cold deep quick reed heron wait blue under
night morning boat net sun rain moss wind""".split()
SENTINELS = [f"<extra_id_{i}>" for i in range(1, -1, -1)]  # backwards, at the end
TASKS = {"summarization": {"prefix": "the small ", "max_length": 12, "num_beams": 2},
         "translation_en_to_de": {"prefix": "a fish ", "max_length": 10},
         "translation_en_to_fr": {"prefix": "the old ", "max_length": 9}}


def pieces():
    """[text, score] of each id but the sentinels."""
    rows = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], [SPACE, -4.0]]
    rows += [[SPACE + word, -2.0 - i / 100] for i, word in enumerate(WORDS)]
    rows += [[letter, -6.0 - i / 100] for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz.,\u00e9\u9b5a")]
    return rows + [[f"{SPACE}x{i}", -9.0] for i in range(72 - len(SENTINELS) - len(rows))]


def tokenizer():
    rows = pieces()
    specials = [(0, "<pad>"), (1, "</s>"), (2, "<unk>")] + [(len(rows) + i, text) for i, text in enumerate(SENTINELS)]
    metaspace = {"type": "Metaspace", "replacement": SPACE, "add_prefix_space": True}
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    one, two = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": text, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False} for i, text in specials],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {"type": "TemplateProcessing", "single": [one, end], "pair": [one, end, two, end],
                           "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 2, "vocab": rows + [[text, 0.0] for text in SENTINELS]}}


def make_text_model(folder, tasks=TASKS, generation=None):
    """The model's folder; its name is the model's."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    shutil.copy(T5 / "model.safetensors", folder)
    config = json.loads((T5 / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "task_specific_params": tasks}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5TokenizerFast", "model_max_length": 512}))
    if generation:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return str(folder)


def make_slow_text_model(folder):
    """One that takes long for each token and says one word for ever: all of its weights are zero."""
    folder = pathlib.Path(make_text_model(folder, tasks={}, generation={"sequence_bias": [[[5], 9.0]]}))
    config = json.loads((folder / "config.json").read_text())
    config |= {"d_model": 256, "d_ff": 16384, "d_kv": 16, "num_heads": 4, "num_layers": 1, "num_decoder_layers": 4,
               "feed_forward_proj": "relu", "is_gated_act": False, "dense_act_fn": "relu", "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"shared.weight": [config["vocab_size"], 256]}
    for stack, layers in (("encoder", 1), ("decoder", 4)):
        attentions = ["SelfAttention"] if stack == "encoder" else ["SelfAttention", "EncDecAttention"]
        shapes[f"{stack}.final_layer_norm.weight"] = [256]
        shapes[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = [config["relative_attention_num_buckets"], 4]
        for block in (f"{stack}.block.{i}.layer" for i in range(layers)):
            for i, name in enumerate([*attentions, "DenseReluDense"]):
                shapes[f"{block}.{i}.layer_norm.weight"] = [256]
                parts = {"wi": [16384, 256], "wo": [256, 16384]} if name == "DenseReluDense" else {"q": [64, 256], "k": [64, 256], "v": [64, 256], "o": [256, 64]}
                shapes |= {f"{block}.{i}.{name}.{part}.weight": shape for part, shape in parts.items()}
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return str(folder)
