#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizer/pieces_*: small sentencepiece .model files, and what sentencepiece makes of texts with them.

Pieces, rules of the normaliser and texts are the project's own. Also writes the seeds of fuzz/piece_model_fuzz.cc.

    pip install tokenizers sentencepiece protobuf
    python3 tools/make_piece_golden.py
"""
import json
import random
import sys

import sentencepiece

import make_unigram_golden as unigram

OUT = unigram.OUT
SEEDS = OUT.parent.parent.parent / "fuzz" / "corpus" / "piece_model"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
USER = ["<u>", "日本", "ﬁx", "▁Z", "0"]
UNUSED_PIECES = ["qu", "ick", "ing"]


def model(space="▁", trainer=(), normalizer=(), bytes_too=False):
    proto = unigram.model_proto()

    def add(text, score, kind):
        piece = proto.pieces.add()
        piece.piece, piece.score, piece.type = text, score, kind
    for text, kind in (("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)):
        add(text, 0, kind)
    if bytes_too:
        for byte in range(256):
            add(f"<0x{byte:02X}>", 0, BYTE)
    for text in USER:
        add(text, 0, USER_DEFINED)
    tokens = [t for t in dict.fromkeys(unigram.PIECES) if t not in USER]
    for text, score in zip(tokens, unigram.scores(len(tokens), 7)):
        add(text.replace("▁", space), score, UNUSED if text in UNUSED_PIECES else NORMAL)
    for name, value in trainer:
        setattr(proto.trainer_spec, name, value)
    proto.normalizer_spec.precompiled_charsmap = unigram.charsmap()
    for name, value in normalizer:
        setattr(proto.normalizer_spec, name, value)
    return proto.SerializeToString()


def files():
    yield "pieces", model()
    yield "pieces_bytes", model(trainer=[("byte_fallback", True)], bytes_too=True,
                                normalizer=[("add_dummy_prefix", False), ("remove_extra_whitespaces", False)])
    yield "pieces_suffix", model(trainer=[("treat_whitespace_as_suffix", True)])
    yield "pieces_spaces", model(space=" ", normalizer=[("escape_whitespaces", False)])


def texts():
    rng = random.Random(40)
    yield from unigram.texts()
    yield from ["  Z  <u> x<u>", "日本日本語 日", "ﬁx ﬁ fix", " 0 00 42", "\t", "\u3000a\u3000", "<s> the </s>", "the quick"]
    for _ in range(100):
        yield "".join(rng.choice(unigram.FRAGMENTS + USER) for _ in range(rng.randint(1, 20)))


def cases(name, processor):
    for text in texts():
        proto = processor.encode(text, return_type="proto")
        ids = [piece.id for piece in proto.pieces]
        begins = [len(text.encode()[:piece.begin].decode()) for piece in proto.pieces]  # code points, not bytes
        case = {"text": text, "ids": ids, "begins": begins}
        # Not where sentencepiece shows what is unknown, nor where it takes marks away that stood in the text themselves.
        if 0 not in ids and name != "pieces_suffix" and "▁" not in text:
            case["decoded"] = processor.decode(ids)
        yield case


def main():
    SEEDS.mkdir(parents=True, exist_ok=True)
    for i, (name, serialized) in enumerate(files()):
        (OUT / f"{name}.model").write_bytes(serialized)
        (SEEDS / name).write_bytes(bytes([i % 3]) + serialized)
        processor = sentencepiece.SentencePieceProcessor(model_proto=serialized)
        with open(OUT / f"{name}.jsonl", "w") as out:
            for case in cases(name, processor):
                out.write(json.dumps(case, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
