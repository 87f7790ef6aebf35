# SPDX-License-Identifier: Apache-2.0
"""The language detector's tokenizer: what a text becomes before it is cut into pieces, and the vocabulary of pieces.

Letters only: digits, punctuation and symbols tell nothing about a language and become spaces, so that no number and no
address can mislead. Case goes as well. Letters of scripts that no language of the model uses stay, and are <unk>.
"""
import io
import json

import sentencepiece
from tokenizers import Tokenizer

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0 to 3, XLM-R's order
UNKNOWN = 3
SPACE = "\u2581"

# Removed without a trace: tatweel, Arabic vowel signs, joiners and other characters without a shape, soft hyphens.
INVISIBLE = "[\u0640\u064b-\u065f\u0670\u200b-\u200f\u2060-\u2064\ufeff\u00ad\ufe00-\ufe0f]+"
# Become a space: ASCII and Latin-1 but letters, general punctuation to miscellaneous symbols, CJK's punctuation, digits
# and punctuation of Arabic, Devanagari and Thai, private use, emoji.
NO_LETTERS = (
    "[\\u0001-@\\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
    "\u0600-\u061f\u0660-\u066d\u06d4\u06dd-\u06de\u06e9\u06f0-\u06f9\u0964-\u0970\u0e3f\u0e4f-\u0e5b"
    "\u2010-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3006-\u3030\u3036-\u303f\u30fb\ue000-\uf8ff\ufe10-\ufe6f"
    "\U0001f000-\U0001faff]+").replace("\\u0001", "\u0001")


def tokenizer_json(pieces):
    """tokenizer.json as a value. pieces: (text, score) of each id from 4 on."""
    special = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}
    sequence = lambda name: {"Sequence": {"id": name, "type_id": 0}}
    replace = lambda pattern, content: {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True} for i, token in enumerate(SPECIALS)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFKC"}, {"type": "Lowercase"}, replace(INVISIBLE, ""), replace(NO_LETTERS, " ")]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("<s>"), sequence("A"), special("</s>")],
            "pair": [special("<s>"), sequence("A"), special("</s>"), special("</s>"), sequence("B"), special("</s>")],
            "special_tokens": {token: {"id": token, "ids": [SPECIALS.index(token)], "tokens": [token]}
                               for token in ("<s>", "</s>")}},
        "decoder": {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": UNKNOWN,
                  "vocab": [[token, 0.0] for token in SPECIALS] + [[text, score] for text, score in pieces],
                  "byte_fallback": False},
    }


def make_normalizer():
    """Text to the text that is cut into pieces, by the same rules as the model's tokenizer.json."""
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json([("a", -1.0)])))
    return lambda text: " ".join(tokenizer.normalizer.normalize_str(text).split())


def han_of(codec, leads, trails):
    """The Han characters that two bytes mean in an encoding."""
    found = set()
    for lead in leads:
        for trail in trails:
            try:
                character = bytes([lead, trail]).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(character) == 1 and "\u4e00" <= character <= "\u9fff":
                found.add(character)
    return found


def common_han():
    """Of the first levels of GB 2312, Big5 and JIS X 0208: (all of them, {language: those of it alone}); sorted."""
    simplified = han_of("gb2312", range(0xB0, 0xD8), range(0xA1, 0xFF))
    traditional = han_of("big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *range(0xA1, 0xFF)])
    japanese = han_of("shift_jis", range(0x88, 0x99), range(0x40, 0xFD))
    chinese = simplified | traditional
    return sorted(chinese | japanese), {"zh": sorted(chinese - japanese), "ja": sorted(japanese - chinese)}


def train_pieces(texts, size):
    """A sentencepiece model of `size` ids as bytes, trained on normalised texts; the same texts give the same pieces.

    Common Han characters that the texts lack are pieces too.
    """
    required = "".join(common_han()[0])
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type="unigram", vocab_size=size,
        character_coverage=0.9999, required_chars=required, max_sentencepiece_length=12, normalization_rule_name="identity",
        bos_id=0, pad_id=1, eos_id=2, unk_id=UNKNOWN, num_threads=1, seed_sentencepiece_size=1000000,
        max_sentence_length=20000, train_extremely_large_corpus=False, minloglevel=2)
    return model.getvalue()


def pieces_of(processor):
    return [(processor.id_to_piece(i), round(processor.get_score(i), 4)) for i in range(len(SPECIALS), len(processor))]
