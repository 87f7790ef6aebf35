#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/token_heads/: tiny random token classifiers and question answering models, and what transformers'
pipelines make of texts with them.

Tokenizers are those of tests/golden/tokenizer; weights are random, heads scaled so that labels vary. entities.json and
answers.json hold what TokenClassificationPipeline and QuestionAnsweringPipeline answer; logits.json what the models
give for token ids, for every family and both heads.

    pip install torch 'transformers==4.57.*'
    python3 tools/make_token_heads.py
"""
import json
import os
import pathlib
import shutil
import warnings

import torch
from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoModelForTokenClassification, AutoTokenizer, pipeline

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOKENIZERS = ROOT / "tests/golden/tokenizer"
OUT = ROOT / "tests/golden/token_heads"
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC-X"]
LIMIT = 40  # tokens
BERT = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
ROBERTA = dict(unk_token="<unk>", cls_token="<s>", sep_token="</s>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
               mask_token="<mask>")
IDS_ONLY = ["input_ids", "attention_mask"]

# name: model type, tokenizer, names of its special tokens, inputs
PIPELINES = {
    "bert": ("bert", "cased", BERT, ["input_ids", "token_type_ids", "attention_mask"]),
    "distilbert": ("distilbert", "uncased", BERT, IDS_ONLY),
    "roberta": ("roberta", "bpe_roberta", ROBERTA, IDS_ONLY),
    "roberta_space": ("roberta", "bpe_prefix_space", ROBERTA, IDS_ONLY),
    "xlm_roberta": ("xlm-roberta", "unigram", ROBERTA, IDS_ONLY),
}
FAMILIES = ["bert", "distilbert", "roberta", "xlm-roberta", "camembert", "electra"]

LONG = ("the quick brown fox jumps over Zürich, 한국 and 東京 while running in the rain. " * 4).strip()
TEXTS = [
    "", " ", "   \t \n ", "fox", "the quick brown fox jumps over the lazy dog.", "Zürich and zurich, café naïve résumé!",
    "한국어 문장은 서울에서 시작합니다", "한국", "東京は日本の首都です。中国語", "Straße in Köln, über Österreich", "😀 fox 👍🏽 dog 👨‍👩‍👧",
    "e\u0301te\u0301 a\u0308b embed\u0301ding", "embedding unaffable tokenizer running", "a-b.c d'e (f) \"g\"",
    "привет мир", "[SEP] [CLS] the fox </s> <s> <unk> [UNK] x", "a\u00a0b\u3000c  d", "tab\tnew\nline\r\nend", "ﬁ ﬂ ² ½ Ⅷ", "\u200b\u202ex\u202c",
    "the foxjumps  over   a dog ", LONG,
]
QUESTIONS = [
    ("what jumps?", "the quick brown fox jumps over the lazy dog."),
    ("어디?", "한국어 문장은 서울에서 시작합니다 그리고 부산으로 갑니다"),
    ("日本の首都は?", "東京は日本の首都です。中国語 the fox is in 東京 now"),
    ("Wo?", "Die Straße in Köln führt über Österreich nach Zürich, 1 2 42"),
    ("what 😀", "😀 fox 👍🏽 dog 👨‍👩‍👧 runs e\u0301te\u0301 a\u0308b embed\u0301ding over it"),
    ("fox?", "fox Fox FOX fox the fox. Fox; fox! FOX fox dog"),
    ("a b c", "[SEP] [CLS] the fox </s> <s> <unk> [UNK] x and the dog"),
    ("who?", LONG),
]
ANSWER_OPTIONS = [
    {}, {"top_k": 3}, {"top_k": 5, "align_to_words": False}, {"max_answer_len": 2, "top_k": 2},
    {"handle_impossible_answer": True, "top_k": 4}, {"max_seq_len": 30, "doc_stride": 2, "top_k": 3},
]


def config(model_type, vocab_size, labels, limit):
    offset = 2 if model_type in ("roberta", "xlm-roberta", "camembert") else 0
    sizes = dict(vocab_size=vocab_size, max_position_embeddings=limit + offset, pad_token_id=1 if offset else 0,
                 bos_token_id=0, eos_token_id=2, id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)})
    if model_type == "distilbert":
        sizes.update(dim=16, n_layers=2, n_heads=2, hidden_dim=24)
    else:
        sizes.update(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
        sizes.update(type_vocab_size=1 if offset else 2)
    if model_type == "electra":
        sizes.update(embedding_size=16)
    return AutoConfig.for_model(model_type, **sizes)


def make_model(model_type, vocab_size, head, seed, limit=LIMIT):
    torch.manual_seed(seed)
    kind = AutoModelForTokenClassification if head == "ner" else AutoModelForQuestionAnswering
    model = kind.from_config(config(model_type, vocab_size, LABELS if head == "ner" else ["a", "b"], limit))
    for name, parameter in model.named_parameters():
        scale = 1.0 if "embeddings" in name else 0.35
        if name.startswith(("classifier.", "qa_outputs.")):
            scale = 1.5
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=scale)
        elif "norm" not in name.lower():
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def save(model, folder):
    model.save_pretrained(folder, safe_serialization=True)
    for extra in folder.glob("generation_config.json"):
        extra.unlink()


def save_tokenizer(folder, name, special, inputs):
    shutil.copy(TOKENIZERS / f"{name}.json", folder / "tokenizer.json")
    fields = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LIMIT, "model_input_names": inputs,
              "clean_up_tokenization_spaces": False, **special}
    if name == "bpe_prefix_space":
        fields["add_prefix_space"] = True  # transformers sets it in tokenizer.json's pre-tokenizer
    (folder / "tokenizer_config.json").write_text(json.dumps(fields, indent=1, sort_keys=True) + "\n")


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: float(f"{item:.5g}") if key == "score" else item if isinstance(item, (str, int)) else int(item)
            for key, item in value.items()}


def write(name, value):
    rows = ",\n".join(json.dumps(item, ensure_ascii=True, separators=(",", ":")) for item in value)
    (OUT / name).write_text(f"[\n{rows}\n]\n")


def entities(name, folder, cases):
    ner = pipeline("token-classification", model=str(folder), device="cpu")
    seen = set()
    for text in TEXTS:
        for strategy in ("none", "simple", "first", "average", "max"):
            for more in ({}, {"ignore_labels": ["B-PER", "PER"]}, {"stride": 5}):
                if more and (text != LONG or (strategy == "none" and "stride" in more)):
                    continue
                found = plain(ner(text, aggregation_strategy=strategy, **more))
                seen |= {one.get("entity", one.get("entity_group")) for one in found}
                cases.append({"model": name, "text": text, "options": {"aggregation_strategy": strategy, **more}, "entities": found})
    print(name, sorted(seen))


def answers(name, folder, cases):
    qa = pipeline("question-answering", model=str(folder), device="cpu")
    for question, context in QUESTIONS:
        for options in ANSWER_OPTIONS:
            try:
                found = plain(qa(question=question, context=context, **options))
            except BaseException as error:  # a question without room for a context
                print("left out:", name, repr(question), options, type(error).__name__)
                continue
            found = found if isinstance(found, list) else [found]
            cases.append({"model": name, "question": question, "context": context, "options": options, "answers": found})
            if context == LONG and not options:
                print(name, found[0])


def main():
    warnings.simplefilter("ignore")
    os.environ["RUST_BACKTRACE"] = "0"
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    entity_cases, answer_cases, logit_cases = [], [], []
    for seed, (name, (model_type, tokenizer, special, inputs)) in enumerate(PIPELINES.items()):
        for head in ("ner", "qa"):
            folder = OUT / f"{head}_{name}"
            folder.mkdir()
            save_tokenizer(folder, tokenizer, special, inputs)
            size = len(AutoTokenizer.from_pretrained(folder))
            save(make_model(model_type, size, head, 7 + seed), folder)
            if head == "ner":
                entities(f"ner_{name}", folder, entity_cases)
            else:
                answers(f"qa_{name}", folder, answer_cases)
    for seed, family in enumerate(FAMILIES):
        for head in ("ner", "qa"):
            folder = OUT / f"ids_{head}_{family.replace('-', '_')}"
            model = make_model(family, 30, head, 100 + seed, limit=12)
            save(model, folder)
            for ids in ([3], [4, 29, 5, 6, 7], [5, 9, 8, 7, 6, 5, 10, 20, 25, 28, 3, 4]):
                with torch.no_grad():
                    out = model(torch.tensor([ids]))
                logits = out.logits[0] if head == "ner" else torch.stack([out.start_logits[0], out.end_logits[0]], -1)
                logit_cases.append({"model": folder.name, "ids": ids,
                                    "logits": [[float(f"{x:.7g}") for x in row] for row in logits.tolist()]})
    write("entities.json", entity_cases)
    write("answers.json", answer_cases)
    write("logits.json", logit_cases)


if __name__ == "__main__":
    main()
