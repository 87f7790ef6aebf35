#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizer/: small Unigram tokenizers, and what Hugging Face tokenizers makes of texts with them.

Vocabulary, rules of the normaliser and texts are the project's own. unigram_unicode.json holds checksums of what the
normalizers make of every code point.

    pip install tokenizers sentencepiece protobuf
    python3 tools/make_unigram_golden.py
"""
import base64
import json
import pathlib
import random
import sys
import tempfile
import zlib

import sentencepiece
import tokenizers
from tokenizers import Tokenizer, normalizers

import make_tokenizer_golden as golden

OUT = golden.OUT
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
# What sentencepiece's rules do: one character for several, several for one, none for one, and a rule that begins another.
RULES = {"\t": " ", "\n": " ", "\r": " ", "\u3000": " ", "\u00a0": " ", "\u2003": " ", "\u001e": "", "\u200b": "", "\u00ad": "",
         "\ufb01": "fi", "\u2122": "TM", "\u00b2": "2", "\uff21": "A", "\uff76": "\u30ab", "\uff76\uff9e": "\u30ac",
         "e\u0301": "\u00e9", "a\u0301": "\u00e1", "\u0438\u0306": "\u0439", "\u00c5\u0301": "\u01fa", "\u2026": "...",
         "\ufdfa": "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647", "\u0600": "", "\u00a9": "(c)", "\u0e33": "\u0e4d\u0e32",
         "\u0622": "\u0627\u0653", "\ud55c": "\u1112\u1161\u11ab", "\u1e9b\u0323": "\u1e69", "\u1e9b": "\u1e61", "0\u20e3": "0",
         "~": "-", "\u0340": "\u0300"}
PIECES = """▁the ▁quick ▁brown ▁fox ▁ the qu ick br own ju mp s ▁Em bed ding ▁un aff able ▁token izer er ing ed ▁ru nn in g a b c d e f h i
j k l m n o p q r t u v w x y z A T M Z ürich Zürich é á й и ▁м ир при вет 中 国 中国 語 カ ガ ハ ß . , ! ? ' - ( ) 0 1 2 42 TM fi ▁▁ ▁▁▁▁
▁a ▁b ab abc bc cd ḁ ́ ... صلى ا 한 국 😀 ▁😀 👍 lead day Word ord""".split()


def charsmap():
    """The rules as sentencepiece compiles them."""
    def points(text):
        return " ".join(f"{ord(c):X}" for c in text)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
        tsv.write("".join(f"{points(old)}\t{points(new)}\n" for old, new in RULES.items()))
        tsv.flush()
        compiled = sentencepiece.SentencePieceNormalizer(rule_tsv=tsv.name)
    proto = model_proto()
    proto.ParseFromString(compiled.serialized_model_proto())
    return proto.normalizer_spec.precompiled_charsmap


def model_proto():
    from sentencepiece import sentencepiece_model_pb2
    return sentencepiece_model_pb2.ModelProto()


def scores(count, seed):
    """Some are 32-bit numbers and some are not, some are equal."""
    rng = random.Random(seed)
    return [rng.choice([-round(rng.uniform(2, 9), 4), -rng.randint(2, 9), -rng.randint(16, 80) / 8]) for _ in range(count)]


def unigram(byte_fallback=False):
    tokens = list(dict.fromkeys(PIECES))
    if byte_fallback:
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = [[t, 0.0] for t in SPECIAL] + [[t, s] for t, s in zip(tokens, scores(len(tokens), 5))] + [["<mask>", 0.0]]
    return {"type": "Unigram", "unk_id": 3, "vocab": vocab, "byte_fallback": byte_fallback}


def tokenizer(normalizer, pre_tokenizer, decoder, extra=(), **model):
    model = unigram(**model)
    size = len(model["vocab"])
    known = [golden.added(t, i, special=True) for i, t in enumerate(SPECIAL)]
    known += [golden.added("<mask>", size - 1, special=True, lstrip=True)]
    template = {"type": "TemplateProcessing",
                "single": [golden.special("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, golden.special("</s>")],
                "pair": [golden.special("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, golden.special("</s>"),
                         golden.special("</s>"), {"Sequence": {"id": "B", "type_id": 0}}, golden.special("</s>")],
                "special_tokens": {t: {"id": t, "ids": [SPECIAL.index(t)], "tokens": [t]} for t in ("<s>", "</s>")}}
    more = [golden.added(c, size + i, **flags) for i, (c, flags) in enumerate(extra)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": known + more, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": template, "decoder": decoder, "model": model}


def steps(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def replace(content, **pattern):
    return {"type": "Replace", "pattern": pattern, "content": content}


def metaspace(**flags):
    return {"type": "Metaspace", "replacement": "▁", **flags}


def files():
    rules = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()}
    words = [("Word", dict(single_word=True)), ("Day", dict(normalized=True)), (" lead", {}), ("<left>", dict(lstrip=True)),
             ("<right>", dict(rstrip=True, normalized=True))]
    always = metaspace(prepend_scheme="always", split=True)
    yield "unigram", tokenizer(steps("normalizers", rules, replace(" ", Regex=" {2,}")),
                               steps("pretokenizers", {"type": "WhitespaceSplit"}, always), always, words)
    older = tokenizer(rules, metaspace(str_rep="▁", add_prefix_space=True), metaspace(str_rep="▁", add_prefix_space=True))
    del older["model"]["type"], older["model"]["byte_fallback"]
    yield "unigram_older", older
    llama = steps("decoders", replace(" ", String="▁"), {"type": "ByteFallback"}, {"type": "Fuse"},
                  {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    yield "unigram_bytes", tokenizer(steps("normalizers", {"type": "Prepend", "prepend": "▁"}, replace("▁", String=" ")), None,
                                     llama, words, byte_fallback=True)
    yield "unigram_first", tokenizer(steps("normalizers", {"type": "Nmt"}, {"type": "NFKC"},
                                           {"type": "Strip", "strip_left": True, "strip_right": True},
                                           replace(" ", Regex=r"\s+"), replace("", Regex=r"[!'\(\)*,\-.:;=?@\[\]^_`{|}~]")),
                                     metaspace(prepend_scheme="first", split=False),
                                     metaspace(prepend_scheme="first", split=False), words)
    yield "unigram_never", tokenizer(steps("normalizers", {"type": "NFC"}, {"type": "Strip", "strip_left": False, "strip_right": True}),
                                     metaspace(prepend_scheme="never"), metaspace(prepend_scheme="never"), words)


TEXTS = ["\ufb01\u0301 e\u0301 \u00c5\u0301 \u0438\u0306 \uff76\uff9e x", "\u2122\u001eg \u001e\u001ea", "\u001eabc", "\u200b\u200bthe",
         "a\r\nb\r\n\r\nc", "\u06001 \u06002x", "\u00a9\u200d\u00a9 \u00a9\ufe0f", "\ufdfa x \ufdfa", "the  fox   the    fox ", "  the", " ",
         "▁the▁▁fox", "abcd abcabc bcd xyzzy", "日本日本 中国日本", "<0x41> <unk> x<unk>y <pad>", "<mask>the <mask> fox<mask>",
         "0\u20e31 \u1e9b\u0323 \u1e9b", "a\u0301\u0316e\u0301\u0301", "\u0e19\u0e49\u0e33", "\u0622\u0653", "é" * 40 + " " + "日" * 40]
FRAGMENTS = golden.FRAGMENTS + list(RULES) + ["▁", "<mask>", "<unk>", "<s>", "日", "fox", "中国"]


def texts():
    rng = random.Random(30)
    yield from golden.texts(golden.TEXTS, golden.FRAGMENTS)
    yield from TEXTS
    for _ in range(150):
        yield "".join(rng.choice(FRAGMENTS) for _ in range(rng.randint(1, 20)))


def checksums():
    """CRC-32 of what becomes of every code point but surrogates, in a place where marks join and compose."""
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    nfc, nfkc, nmt = normalizers.NFC().normalize_str, normalizers.NFKC().normalize_str, normalizers.Nmt().normalize_str
    strip = normalizers.Strip().normalize_str
    space = normalizers.Replace(tokenizers.Regex(r"\s"), "_").normalize_str
    rules = normalizers.Precompiled(charsmap()).normalize_str
    # Whether a code point joins the one before it is seen by what the rule for that takes with it; whether it joins a letter or
    # a mark behind it, by a rule that is not found in a cluster that begins with something else.
    mappings = {"nfc": lambda c: nfc("a" + c + "\u0301e"), "nfkc": lambda c: nfkc("\u0327" + c + "\u0338\u0301"),
                "nmt": nmt, "stripped": lambda c: strip(c + "a" + c), "space": space,
                "joins": lambda c: rules("~" + c + "."), "joined": lambda c: rules(c + "e\u0301."),
                "marked": lambda c: rules(c + "\u0340\u0301.")}
    return {name: zlib.crc32("".join(map(f, every)).encode()) for name, f in mappings.items()}


def main():
    for name, definition in files():
        path = OUT / f"{name}.json"
        path.write_text(json.dumps(definition, ensure_ascii=False, separators=(",", ":")) + "\n")
        hf = Tokenizer.from_file(str(path))
        with open(OUT / f"{name}.jsonl", "w") as out:
            for case in golden.cases(name, hf, list(texts())):
                out.write(json.dumps(case, separators=(",", ":")) + "\n")
    sums = {"tokenizers": tokenizers.__version__, "charsmap": base64.b64encode(charsmap()).decode(), **checksums()}
    (OUT / "unigram_unicode.json").write_text(json.dumps(sums, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
