# SPDX-License-Identifier: Apache-2.0
"""Small BPE tokenizers of every family for make_tokenizer_golden.py. Vocabularies and texts are the project's own."""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBERS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
WORDS = """the then there quick brown fox jump jumps jumping over lazy dog embed embedding unaffable running rain model token
izer ization don can't it's we've Zürich naïve café résumé straße привет мир 中国 國語 한국 日本 12 123 2024 ... !! -- ' 's 'll I'm
😀😀 👍🏽 [MASK] <s> = == aaaa aaab abab ababab""".split()
TEXTS = ["don't I'll WE'VE it'S he'D they'RE i'M", "'s 't'll'  's!'s ''s a's1's", "it'ſ I'ſ", "  two  spaces   three    ",
         " lead", "trail ", "\n\n", "a\n\nb", "a \n b", "\r\n x\r\n\r\n  y \t\n", "tab\t\tx", "x\u00a0y \u3000z\u2003 ", "1234567 12 1 ٣٤٥ ⅧⅨ ½ ²³",
         "a1b2 3c", "!!! ... --- =====", "hello!!!\n\nworld", "(brackets) [and] {so} on", "aaaaaaaaaa abababababab aaab",
         "a" * 200, "ab" * 150, "the " * 40 + "x" * 90, "é" * 70, "café cafe\u0301 CAFE\u0301", "\u1100\u1161\u11a8 \uac00\u11a8 \uac01\u11a8",
         "Å \u212b A\u030a \u0958 \u0915\u093c", "q\u0307\u0323 e\u0327\u0301 a\u0316\u0301 \u0344\u0316 \u0301x",
         "<mask> the <mask>  fox<mask>.  <mask>", "<|startoftext|>a<|endoftext|> <|ENDOFTEXT|> <| startoftext|>",
         "the<s>fox</s> <unk>", "😀😀😀 👍🏽👍 👨‍👩‍👧", "中国 國語中国", "привет, мир!", "\x00\x01\x7f\x80\x9f\xad", "\U0001f1e9\U0001f1ea \ue000 \U000f0000"]
FRAGMENTS = ["the", " the", "fox", "jump", "'s", "'LL", "'ſ", "'", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "<mask>", " <mask>", "<s>", "!",
             "...", "1", "123", "٣", "Ⅷ", "½", "é", "e\u0301", "\u0316", "\u0327", "\uac00", "\u11a8", "中国", "國", "привет", "İ", "ẞ", "😀", "👍🏽",
             "<|endoftext|>", "aaab", "abab", "Zürich", "\ufffd", "\u200d", "=", "-", "##", "\u0958", "\u212b", "ﬁ"]


def byte_letters():
    """The letter of each byte, as GPT-2 chose them."""
    printable = [b for b in range(256) if 0x20 < b < 0x7F or 0xA0 < b != 0xAD]
    rest = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def in_letters(text):
    letters = byte_letters()
    return "".join(letters[b] for b in text.encode())


def model(words, alphabet, special, prefix="", suffix="", **flags):
    """Each word is built up from the left, every third one from the right."""
    ends = {prefix + c + suffix for c in alphabet} | {c + suffix for c in alphabet}
    tokens = dict.fromkeys([*special, *sorted({*alphabet, *(prefix + c for c in alphabet), *ends})])
    merges = {}
    for number, word in enumerate(words):
        pieces = [(prefix if i else "") + c + (suffix if i + 1 == len(word) else "") for i, c in enumerate(word)]
        while len(pieces) > 1:
            at = len(pieces) - 2 if number % 3 == 2 else 0
            merged = pieces[at] + pieces[at + 1][len(prefix):]
            merges.setdefault((pieces[at], pieces[at + 1]))
            tokens.setdefault(merged)
            pieces[at:at + 2] = [merged]
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": prefix, "end_of_word_suffix": suffix,
            "fuse_unk": False, **flags, "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [list(m) for m in merges]}


def tokenizer(body, added, **parts):
    every = dict(single_word=False, lstrip=False, rstrip=False, normalized=True, special=True)
    tokens = [{"id": body["vocab"].get(c, len(body["vocab"]) + i), "content": c, **every, **f} for i, (c, f) in enumerate(added)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
            **{p: parts.get(p) for p in ("normalizer", "pre_tokenizer", "post_processor", "decoder")}, "model": body}


def byte_level(prefix=False, trim=True, **more):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, **more}


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def steps(kind, *items):
    return {"type": "Sequence", kind: list(items)}


def byte_files():
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = [in_letters(" " * (i % 2) + w) for i, w in enumerate(WORDS)]
    letters = list(byte_letters().values())
    added = [(t, dict(lstrip=True) if t == "<mask>" else {}) for t in special]
    ends = {"sep": ["</s>", 2], "cls": ["<s>", 0]}

    older = model(words, letters, special)
    del older["type"]
    older["merges"] = ["#version: 0.2"] + [" ".join(m) for m in older["merges"] + older["merges"][:3]]
    yield "bpe_roberta", tokenizer(older, added, pre_tokenizer=byte_level(), decoder=byte_level(True), post_processor={
        "type": "RobertaProcessing", **ends, "trim_offsets": True, "add_prefix_space": False})
    yield "bpe_prefix_space", tokenizer(
        model(words, letters, special), added, pre_tokenizer=byte_level(True), decoder=byte_level(), post_processor={
            "type": "RobertaProcessing", **ends, "trim_offsets": True, "add_prefix_space": True})

    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}
    three = split(CL100K.replace("NUMBERS", r"\p{N}{1,3}"), "Isolated")
    yield "bpe_cl100k", tokenizer(
        model(words, letters, special, ignore_merges=True), added, decoder=byte_level(),
        pre_tokenizer=steps("pretokenizers", three, byte_level(use_regex=False)),
        post_processor=steps("processors", byte_level(True), byte_level(), template))
    one = split(CL100K.replace("NUMBERS", r"\p{N}"), "Isolated")
    yield "bpe_qwen", tokenizer(
        model(words, letters, special), added, normalizer={"type": "NFC"}, decoder=byte_level(),
        pre_tokenizer=steps("pretokenizers", one, byte_level(use_regex=False)), post_processor=byte_level(trim=False))

    ends = {"sep": ["<|endoftext|>", 1], "cls": ["<|startoftext|>", 0]}
    clip = ["<|startoftext|>", "<|endoftext|>"]
    space = {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}
    yield "bpe_clip", tokenizer(
        model([in_letters(w.lower()) for w in WORDS], letters, clip, suffix="</w>", unk_token="<|endoftext|>"),
        [(clip[0], {}), (clip[1], dict(normalized=False))], decoder=byte_level(),
        normalizer=steps("normalizers", {"type": "NFC"}, space, {"type": "Lowercase"}),
        pre_tokenizer=steps("pretokenizers", split(CLIP, "Removed", True), byte_level()),
        post_processor={"type": "RobertaProcessing", **ends, "trim_offsets": False, "add_prefix_space": False})


def character_files():
    letters = sorted(set("".join(WORDS)) | {" "})
    unknown = [("[UNK]", dict(normalized=False))]
    lower = steps("normalizers", {"type": "NFKC"}, {"type": "Lowercase"})
    words = steps("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "MergedWithPrevious"},
                  {"type": "Digits", "individual_digits": False})
    yield "bpe_suffix", tokenizer(
        model(WORDS, letters, ["[UNK]"], prefix="@@", suffix="</w>", unk_token="[UNK]", fuse_unk=True), unknown, normalizer=lower,
        pre_tokenizer=words, decoder={"type": "BPEDecoder", "suffix": "</w>"})
    bytes_known = [f"<0x{b:02X}>" for b in range(256) if b != 0xC3]
    yield "bpe_bytes", tokenizer(
        model([" " + w for w in WORDS], letters, ["[UNK]", *bytes_known], unk_token="[UNK]", fuse_unk=True, byte_fallback=True), unknown,
        normalizer={"type": "NFC"})
    # Without an unknown token characters are left out.
    cuts = steps("pretokenizers", split(" ", "MergedWithNext", kind="String"), {"type": "Punctuation"},
                 {"type": "Digits", "individual_digits": True}, split(GPT2, "Contiguous", True), split("a", "Contiguous", kind="String"))
    known = [c for c in letters if c not in "eü國"]
    words = [" " + w for w in WORDS if set(w) <= set(known)]
    yield "bpe_cuts", tokenizer(model(words, known, []), [], pre_tokenizer=cuts)


def files():
    yield from byte_files()
    yield from character_files()
