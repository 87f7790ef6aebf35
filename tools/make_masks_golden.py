#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/masks/: tiny masked language models and a tiny NLI classifier with random weights, and what
transformers' fill-mask and zero-shot-classification pipelines answer with them.

    pip install torch transformers==4.57.* onnx
    python3 tools/make_masks_golden.py

Vocabularies and texts are the project's own. answers.json of each model: a list of cases, each the pipeline's
parameters and its answer. DistilBERT is there as ONNX too, as it is exported and without names.
"""
import json
import pathlib
import shutil

import onnx
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AlbertConfig, AlbertForMaskedLM, AlbertTokenizerFast, BertConfig, BertForMaskedLM, BertForSequenceClassification, BertTokenizerFast, DistilBertConfig,
                          DistilBertForMaskedLM, DistilBertTokenizerFast, ElectraConfig, ElectraForMaskedLM,
                          ElectraTokenizerFast, RobertaConfig, RobertaForMaskedLM, MPNetConfig, MPNetForMaskedLM,
                          RobertaTokenizerFast, pipeline)

OUT = pathlib.Path(__file__).resolve().parents[1] / "tests/golden/masks"
POSITIONS = 48
# Between the scores of neighbours in an answer, as a share: more than rounding moves them.
LEAST_GAP = 2e-5

# {} is the mask.
TEXTS = [
    "The small fish swims in the {}.",
    "{}",
    "the heron waits, the {} runs; it's late!",
    "Der alte Fluss ist {} und breit, schöner größer.",
    "작은 물고기가 {} 헤엄친다",
    "小さな{}が川を泳ぐ。",
    "caf\u00e9 {} \U0001f41f unknown",
    "a {} b {} c",
    "{}{} und {}",
    "물고기 {} der Fluss {} 川",
    "  spaces   {}   around ",
]
WORDS = """the a small old fish heron river swims waits runs late und ist der Fluss alte breit it s in b c""".split()
PIECES = ["##s", "##er", "##ing", "##en", "##e", "##t"]


def characters():
    found = {c for text in TEXTS for c in text.replace("{}", "") if not c.isspace() and ord(c) < 0x10000}
    return sorted(found | set("abcdefghijklmnopqrstuvwxyzABDF"))


def wordpiece(lowercase):
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = characters()
    vocabulary = list(dict.fromkeys(specials + letters + WORDS + [w.lower() for w in WORDS] + PIECES + ["##" + c for c in letters]))
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in specials])
    return tokenizer


def byte_level():
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=specials, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([t.replace("{}", w) for t in TEXTS for w in WORDS], trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    return tokenizer


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            scale, mean = (0.2, 1.0) if "norm" in name.lower() and name.endswith("weight") else (0.5, 0.0)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale + mean)
    return model.eval()


def save(name, model, tokenizer):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder


def write(folder, cases):
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (folder / "answers.json").write_text(f"[\n{lines}\n]\n")


def check_gaps(scores, where):
    for before, after in zip(scores, scores[1:]):
        assert before - after > LEAST_GAP * before, f"{where}: {before} and {after} are too near: take another seed"


def one(answer):
    return {key: answer[key] for key in ("score", "token", "token_str", "sequence")}


def fill_mask_cases(model, tokenizer, mask):
    run = pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu")
    everything = model.config.vocab_size
    cases = []

    def add(text, **parameters):
        # More than there are is an error of the pipeline; here it means all.
        asked = dict(parameters)
        if asked.get("top_k", 0) > everything:
            asked["top_k"] = everything
        answer = run(text, **asked)
        lists = answer if isinstance(answer[0], list) else [answer]
        for row in lists:
            check_gaps([filled["score"] for filled in row], text)
        # The order beyond what was asked for must be as clear.
        kept = [[one(filled) for filled in row] for row in lists]
        cases.append({"text": text, **parameters, "answer": kept if isinstance(answer[0], list) else kept[0]})

    for text in TEXTS:
        add(text.replace("{}", mask))
    add(TEXTS[0].replace("{}", mask), top_k=1)
    add(TEXTS[3].replace("{}", mask), top_k=20)
    add("a " + mask, top_k=1_000_000)
    add(TEXTS[0].replace("{}", mask), targets=["fish", "river"])
    add(TEXTS[0].replace("{}", mask), targets="fish")
    add(TEXTS[7].replace("{}", mask), targets=["fish", "물", " river", "zebra", "fish"], top_k=2)
    add(TEXTS[4].replace("{}", mask), targets=["川", "größer"], top_k=50)
    return cases


def export(model, folder):
    """onnx/model.onnx as torch writes it, and onnx/nameless.onnx, of which only the structure tells what is what."""
    model = type(model).from_pretrained(folder.parent, attn_implementation="eager").eval()
    folder.mkdir()
    ids = torch.tensor([[2, 5, 6, 4, 3]])
    axes = {name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")}
    torch.onnx.export(model, (ids, torch.ones_like(ids)), str(folder / "model.onnx"), input_names=list(axes),
                      output_names=["logits"], dynamic_axes=axes, opset_version=14, dynamo=False)
    graph = onnx.load(str(folder / "model.onnx"))
    for node in graph.graph.node:  # where in the exporter it comes from
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(graph, str(folder / "model.onnx"))
    renamed = {value.name: value.name for value in [*graph.graph.input, *graph.graph.output]}
    for tensor in graph.graph.initializer:
        tensor.name = renamed.setdefault(tensor.name, f"t{len(renamed)}")
    for node in graph.graph.node:
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [renamed.setdefault(name, f"t{len(renamed)}") if name else "" for name in names]
    del graph.graph.value_info[:]
    onnx.save(graph, str(folder / "nameless.onnx"))


def make_bert():
    tokenizer = BertTokenizerFast(tokenizer_object=wordpiece(True))
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=POSITIONS)
    return "bert", randomise(BertForMaskedLM(config), 1), tokenizer, "[MASK]"


def make_distilbert():
    tokenizer = DistilBertTokenizerFast(tokenizer_object=wordpiece(False), do_lower_case=False)
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=12, n_layers=1, n_heads=3, hidden_dim=20,
                              max_position_embeddings=POSITIONS)
    return "distilbert", randomise(DistilBertForMaskedLM(config), 2), tokenizer, "[MASK]"


def make_roberta():
    """With a decoder of its own."""
    tokenizer = RobertaTokenizerFast(tokenizer_object=byte_level())
    config = RobertaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                           intermediate_size=24, max_position_embeddings=POSITIONS + 2, type_vocab_size=1,
                           tie_word_embeddings=False, hidden_act="relu", pad_token_id=1)
    return "roberta", randomise(RobertaForMaskedLM(config), 3), tokenizer, "<mask>"


def make_electra():
    tokenizer = ElectraTokenizerFast(tokenizer_object=wordpiece(True))
    config = ElectraConfig(vocab_size=len(tokenizer), embedding_size=16, hidden_size=16, num_hidden_layers=1,
                           num_attention_heads=2, intermediate_size=32, max_position_embeddings=POSITIONS)
    return "electra", randomise(ElectraForMaskedLM(config), 4), tokenizer, "[MASK]"


def make_albert():
    """A word table narrower than the hidden states."""
    tokenizer = AlbertTokenizerFast(tokenizer_object=wordpiece(True))
    config = AlbertConfig(vocab_size=len(tokenizer), embedding_size=8, hidden_size=16, num_hidden_layers=2,
                          num_attention_heads=2, intermediate_size=32, max_position_embeddings=POSITIONS, pad_token_id=0)
    return "albert", randomise(AlbertForMaskedLM(config), 6), tokenizer, "[MASK]"


def make_mpnet():
    tokenizer = RobertaTokenizerFast(tokenizer_object=byte_level())
    config = MPNetConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                         intermediate_size=24, max_position_embeddings=POSITIONS + 2)
    return "mpnet", randomise(MPNetForMaskedLM(config), 7), tokenizer, "<mask>"


SEQUENCES = [
    "the small fish swims in the river",
    "Der alte Fluss ist breit, schöner größer.",
    "작은 물고기가 헤엄친다",
    "小さな魚が川を泳ぐ。",
    "the heron waits and the fish runs " * 6,  # longer than the model reads: its end is cut
]


def zero_shot_cases(model, tokenizer):
    cases = []

    def add(sequences, id2label=None, **parameters):
        labels = id2label or {0: "contradiction", 1: "neutral", 2: "entailment"}
        model.config.id2label = labels
        model.config.label2id = {label: i for i, label in labels.items()}
        run = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
        answer = run(sequences, **parameters)
        for row in answer if isinstance(answer, list) else [answer]:
            check_gaps(row["scores"], row["sequence"])
        labels = {"id2label": {str(i): label for i, label in id2label.items()}} if id2label else {}
        cases.append({"sequences": sequences, **labels, **parameters, "answer": answer})

    for sequence in SEQUENCES:
        add(sequence, candidate_labels=["fish", "river", "late"])
    add(SEQUENCES, candidate_labels=["물", "川"])
    add(SEQUENCES[0], candidate_labels="fish, river,, 川 ")
    add(SEQUENCES[1], candidate_labels=["Fluss", "alte", "breit"], hypothesis_template="Das ist {}, {{}}.")
    add(SEQUENCES[2], candidate_labels=["fish", "river", "the"], multi_label=True)
    add(SEQUENCES[3], candidate_labels=["fish"])
    first = {0: "ENTAILMENT", 1: "NEUTRAL", 2: "CONTRADICTION"}
    add(SEQUENCES[0], first, candidate_labels=["fish", "river"])
    add(SEQUENCES[0], first, candidate_labels=["fish", "river"], multi_label=True)
    return cases


def main():
    transformers.logging.set_verbosity_error()
    for make in (make_bert, make_distilbert, make_roberta, make_electra, make_albert, make_mpnet):
        name, model, tokenizer, mask = make()
        folder = save(name, model, tokenizer)
        write(folder, fill_mask_cases(model, tokenizer, mask))
        if name == "distilbert":
            export(model, folder / "onnx")
    tokenizer = BertTokenizerFast(tokenizer_object=wordpiece(True), model_max_length=POSITIONS)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=32, max_position_embeddings=POSITIONS,
                        id2label={0: "contradiction", 1: "neutral", 2: "entailment"},
                        label2id={"contradiction": 0, "neutral": 1, "entailment": 2})
    model = randomise(BertForSequenceClassification(config), 9)
    with torch.no_grad():
        model.bert.pooler.dense.weight *= 0.3  # or its tanh tells nothing apart
        model.classifier.weight *= 3
    folder = save("nli", model, tokenizer)
    write(folder, zero_shot_cases(model, tokenizer))
    size = sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file())
    print(f"{OUT}: {size} bytes")


if __name__ == "__main__":
    main()
