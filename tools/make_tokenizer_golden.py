#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizer/: small tokenizer.json files, and what Hugging Face tokenizers makes of texts with them.

The vocabularies and texts are the project's own. unicode.json holds a checksum of each property over every code point.

    pip install tokenizers
    python3 tools/make_tokenizer_golden.py
"""
import json
import pathlib
import random
import sys
import zlib

import bpe_golden
import tokenizers
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "tokenizer"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """the quick brown fox jumps over lazy dog embed ding s un aff able token izer model run ning rain i z
Zürich zurich cafe naive resume 中 国 語 한 국 ᄒ ᅡ ᆫ и й привет мир ß straße σ ς 1 2 42 . , ! ? ' - " ( ) do not n't 's # ##
[ ] mask 𝔘 😀 👍 ́ ̈ ² fi ﬁ a b c d e f g h l o t w x""".split()
PIECES = """s ing ding er ed un able aff izer 2 a b c d e f g h i l o t w x y z ́ ̈ ̧ и ̆ 국 ᅡ ᆫ 語 ß 😀 1 ' .""".split()


def added(content, token_id, **flags):
    every = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return {"id": token_id, "content": content, **every, **flags}


def vocabulary(prefix):
    tokens = dict.fromkeys(SPECIAL + WORDS + [prefix + p for p in PIECES])
    return {token: i for i, token in enumerate(tokens)}


def tokenizer(normalizer, pre_tokenizer, post_processor, decoder, extra=(), prefix="##", limit=100):
    vocab = vocabulary(prefix)
    known = [added(t, vocab[t], special=True) for t in SPECIAL]
    more = [added(c, len(vocab) + i, **flags) for i, (c, flags) in enumerate(extra)]
    return {
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": known + more, "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor, "decoder": decoder,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix,
                  "max_input_chars_per_word": limit, "vocab": vocab}}


def bert(**flags):
    return {"type": "BertNormalizer",
            **dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True), **flags}


def special(name):
    return {"SpecialToken": {"id": name, "type_id": 0}}


def files():
    cls, sep = SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")
    mask = SPECIAL.index("[MASK]")
    a, b = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    template = {"type": "TemplateProcessing", "single": [special("[CLS]"), a, special("[SEP]")],
                "pair": [special("[CLS]"), a, special("[SEP]"), b, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [cls], "tokens": ["[CLS]"]},
                                   "[SEP]": {"id": "[SEP]", "ids": [sep], "tokens": ["[SEP]"]}}}
    reverse = {"type": "TemplateProcessing", "single": [a],
               "pair": [b, special("x"), {"Sequence": {"id": "A", "type_id": 7}}],
               "special_tokens": {"x": {"id": "x", "ids": [mask, sep], "tokens": ["[MASK]", "[SEP]"]}}}
    bert_processing = {"type": "BertProcessing", "sep": ["[SEP]", sep], "cls": ["[CLS]", cls]}
    wordpiece = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    flags = [("<left>", dict(lstrip=True)), ("<right>", dict(rstrip=True)), ("<both>", dict(lstrip=True, rstrip=True)),
             ("Word", dict(single_word=True)), ("WORDS", dict(normalized=True)), ("Day", dict(normalized=True, special=True)),
             (" lead", {}), ("<left>er", {}), ("Où", dict(normalized=True, single_word=True, rstrip=True)),
             ("\u3000<wide>", dict(lstrip=True))]
    yield "uncased", tokenizer(bert(), {"type": "BertPreTokenizer"}, template, wordpiece)
    yield "flags", tokenizer(bert(), {"type": "BertPreTokenizer"}, template, wordpiece, flags)
    yield "cased", tokenizer(bert(lowercase=False), {"type": "BertPreTokenizer"}, bert_processing,
                             {"type": "WordPiece", "prefix": "##", "cleanup": False}, limit=12)
    yield "accents", tokenizer(bert(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
                               {"type": "BertPreTokenizer"}, reverse, wordpiece, flags)
    steps = {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}]}
    yield "sequence", tokenizer(steps, {"type": "Whitespace"}, None, None, flags)
    yield "nfkd", tokenizer({"type": "NFKD"}, {"type": "WhitespaceSplit"}, None, None, prefix="")
    yield "bare", tokenizer(None, None, template, wordpiece)
    words = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}]}
    older = tokenizer(bert(), words, template, {"type": "Sequence", "decoders": [wordpiece]}, flags)
    yield "older", untidy(older)


def untidy(definition):
    """What older and hand-edited files have: no type of the model, ids with gaps, tokens given twice, wrong ids."""
    del definition["model"]["type"]
    vocab, tokens = definition["model"]["vocab"], definition["added_tokens"]
    vocab["<far>"] = len(vocab) + 20
    size = len(vocab)
    tokens.insert(3, added("<far>", 7, special=True))
    tokens += [added("<gap>", size + 30), added("<left>", size + 40, special=True), added("the", size + 50), added("", size),
               added("<gap>", size + 31, rstrip=True), added("fox", 3)]
    return definition


TEXTS = ["", " ", "\0", "the quick brown fox jumps over the lazy dog.", "Embedding tokenizers: UNAFFABLE! running",
         "Zürich, naïve café résumé", "straße STRASSE ẞ", "ΣΑΣ Σ ς", "İstanbul I ı", "中国語 한국 日本", "привет мир, Й й",
         "a\u0301\u0316\u0327 e\u0327\u0301 \u0344\u0316 q\u0307\u0323", "\u1e9b\u0323 \u0958 \u0f73\u0f72\u0f71 ﬁ ²",
         "x\u0000y\ufffdz\u200bw\u00adv\ufeffu", "tab\tnew\nline\r\nform\fvert\x0bnel\u0085 \u00a0\u2003\u3000end",
         "don't do not can 't I 'm it's we 've", "😀👍🏽👨‍👩‍👧 𝔘", "x" * 100, "x" * 101, "é" * 100, "é" * 101, "the" + "́" * 200,
         "[CLS] the [MASK] fox[SEP]", "[ MASK ] [mask] [MASK][MASK]", "a  <left>  b <right>  c  <both>  d<left>er",
         "Word Words sWord Word, Word. éWord Word́", "WORDS words wörds WÖRDS xwordsx", "Day day monday DÁY day",
         "a lead  lead<right> lead <left> lead", "où  x OÙ  y Où! boù", "x \u3000<wide>y \u2003\u3000<wide> z",
         "\ud55c\uad6d \u1112\u1161\u11ab", "\u2126 \u212b \u1f71 \uf900 \U0002f800", "##ing # # ##", "a" * 40 + " " * 40 + "b"]
FRAGMENTS = (["the", "Embed", "ding", "UN", "aff", " ", "  ", "\t", "\n", "\u3000", "[MASK]", "[SEP]", "<left>", "<right>",
              "<both>", "Word", "WORDS", "Day", " lead", "Où", "où", ".", "!", "'", "n't", "中", "한국", "é", "É", "\u0000", "\ufffd",
              "\u200d", "\u00ad", "İ", "ẞ", "\u0344", "\u0f73", "\u1e9b", "ﬁ", "\U0001d15f", "\u115f", "\u0e33", "\U000e0001"]
             + [chr(c) for c in (0x301, 0x316, 0x327, 0x308, 0x345, 0x334, 0x5b0, 0x64b, 0xf71, 0x302e, 0x1d165, 0x1d16d)])


def texts(special, fragments):
    rng = random.Random(20)
    yield from special
    for _ in range(120):
        yield "".join(rng.choice(fragments) for _ in range(rng.randint(1, 24)))
    for _ in range(60):
        yield "".join(chr(rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x250, 0xd800),
                                      rng.randrange(0xe000, 0x110000)])) for _ in range(rng.randint(1, 16)))


def expected(hf, case):
    hf.no_truncation()
    if case.get("max"):
        hf.enable_truncation(case["max"], direction="left" if case.get("left") else "right")
    e = hf.encode(case["text"], case.get("pair"), add_special_tokens=case.get("add_special", True))
    return {**case, "ids": e.ids, "type_ids": e.type_ids, "special": e.special_tokens_mask,
            "offsets": [n for pair in e.offsets for n in pair],
            "decoded": hf.decode(e.ids, skip_special_tokens=False), "skipped": hf.decode(e.ids, skip_special_tokens=True)}


def cases(name, hf, everything):
    rng = random.Random(name)
    for text in everything:
        yield expected(hf, {"text": text})
    for _ in range(60):
        case = {"text": rng.choice(everything), "max": rng.randint(5, 24), "left": rng.random() < 0.5,
                "add_special": rng.random() < 0.7}
        if rng.random() < 0.6:
            case["pair"] = rng.choice(everything)
        yield expected(hf, case)


def checksums():
    """CRC-32 over all code points but surrogates: of the bytes 0 and 1 for a property, of UTF-8 text for a mapping."""
    bert_only = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    clean = normalizers.BertNormalizer(**{**bert_only, "clean_text": True}).normalize_str
    strip = normalizers.BertNormalizer(**{**bert_only, "strip_accents": True}).normalize_str
    nfd, nfkd = normalizers.NFD().normalize_str, normalizers.NFKD().normalize_str
    lower, accents = normalizers.Lowercase().normalize_str, normalizers.StripAccents().normalize_str
    split, words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str, pre_tokenizers.Whitespace().pre_tokenize_str
    nfc, nfkc = normalizers.NFC().normalize_str, normalizers.NFKC().normalize_str
    letters = pre_tokenizers.Split(Regex(r"\p{L}"), "removed", invert=True).pre_tokenize_str
    numbers = pre_tokenizers.Split(Regex(r"\p{N}"), "removed", invert=True).pre_tokenize_str
    digits = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    properties = {
        "dropped": lambda c: clean(c) == "", "space": lambda c: len(split("a" + c + "b")) == 2,
        "punctuation": lambda c: len(split("a" + c + "b")) == 3,
        "word": lambda c: len(words("a" + c + "b")) == 1, "mark": lambda c: accents("a" + c) == "a",
        "letter": lambda c: len(letters(c)) == 1, "number": lambda c: len(numbers(c)) == 1,
        "numeric": lambda c: len(digits("a" + c + "b")) == 3}
    mappings = {"lowercase": lower, "nfd": lambda c: nfd("a\u0301" + c + "\u0316"),
                "nfkd": lambda c: nfkd("a\u0327" + c + "\u0301"), "stripped": lambda c: strip("a" + c),
                "nfc": lambda c: nfc("a\u0301" + c + "\u0316\u0301"), "nfkc": lambda c: nfkc("a\u0327" + c + "\u0301")}
    sums = {name: zlib.crc32(bytes(f(c) for c in every)) for name, f in properties.items()}
    sums.update({name: zlib.crc32("".join(map(f, every)).encode()) for name, f in mappings.items()})
    return sums


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, definition in (*files(), *bpe_golden.files()):
        path = OUT / f"{name}.json"
        path.write_text(json.dumps(definition, ensure_ascii=False, separators=(",", ":")) + "\n")
        hf = Tokenizer.from_file(str(path))
        hf.no_padding()
        with open(OUT / f"{name}.jsonl", "w") as out:
            bpe = name.startswith("bpe_")
            everything = list(texts(bpe_golden.TEXTS, bpe_golden.FRAGMENTS) if bpe else texts(TEXTS, FRAGMENTS))
            everything += ["the <gap> fox<far> <left><gap>x"] * (name == "older")
            for case in cases(name, hf, everything):
                out.write(json.dumps(case, separators=(",", ":")) + "\n")
    sums = {"tokenizers": tokenizers.__version__, **checksums()}
    (OUT / "unicode.json").write_text(json.dumps(sums, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
