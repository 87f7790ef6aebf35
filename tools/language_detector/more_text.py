#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes more training sentences of the language detector out of checkouts of Common Voice and of the Bible corpus.

    python3 tools/language_detector/more_text.py VOICE_WEB BIBLE_CORPUS OUTPUT

VOICE_WEB: a clone of mozilla/voice-web, BIBLE_CORPUS: of christos-c/bible-corpus, with or without work trees; the
commits below are read. Both are CC0. OUTPUT gets LANGUAGE.tsv files of lines "source, tab, sentence". Files whose
names tell of another origin (parliaments, encyclopedias, a news corpus) or that hold no sentences are not taken.
"""
import argparse
import pathlib
import random
import re
import subprocess
import unicodedata
import xml.etree.ElementTree

VOICE_WEB = "e0bfbc4be9eb6a97f7dd92eb938200f09f04ba96"
BIBLE_CORPUS = "44e5fca1bfb369a5da2ee23ebc6f421c88489c5c"
CAP = 60_000  # sentences of a language
SEED = 7

FOLDERS = {"zh": ["zh-CN", "zh-TW", "zh-HK"]}
# Earlier versions, which are smaller: of a clone that leaves out the largest files too.
BLOBS = {
    "th/sentence-collector.txt": "70b23bf0d8802882993e5b255a80650e24f42fbd",
    "fr/sentence-collector.txt": "42e29896282a4786f128f2de30e48b5681578821",
    "ru/sentence-collector.txt": "2268b9c9900e3bf206de68d2eee3a9493a8a4fae",
}
NOT_TAKEN = re.compile(r"europarl|wiki|setimes|assemblee|ofis_publik|addresses|places|cities|singleword|LICENSE"
                       r"|DictionaryofForeign|chatlogs|harvsents|fxvoice|activate|translations|advertise|mtr|gov")
BIBLES = {"sw": "Swahili-NT"}
LABELS = "ja nl ar pl de it pt tr es hi el ur bg en fr zh ru th sw vi".split()


def git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], check=True, capture_output=True).stdout.decode("utf-8", "ignore")


def common_voice(repository, label):
    for folder in FOLDERS.get(label, [label]):
        paths = git(repository, "ls-tree", "-r", "--name-only", VOICE_WEB, f"server/data/{folder}/").splitlines()
        for path in sorted(paths):
            name = path.removeprefix("server/data/")
            if not NOT_TAKEN.search(name):
                yield from git(repository, "cat-file", "blob", BLOBS.get(name, f"{VOICE_WEB}:{path}")).splitlines()


def bible(repository, name):
    text = git(repository, "cat-file", "blob", f"{BIBLE_CORPUS}:bibles/{name}.xml")
    for verse in xml.etree.ElementTree.fromstring(text).iter("seg"):
        yield (verse.text or "").strip()


def kept(sentences, seen):
    """Those with letters, each once. seen: a set of what was there before."""
    for sentence in sentences:
        sentence = " ".join(unicodedata.normalize("NFC", sentence).split())
        key = "".join(c for c in sentence.casefold() if c.isalnum())
        if len(sentence) < 1000 and any(c.isalpha() for c in key) and key not in seen:
            seen.add(key)
            yield sentence


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voice_web")
    parser.add_argument("bible_corpus")
    parser.add_argument("output")
    args = parser.parse_args()
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    draw = random.Random(SEED)
    for label in LABELS:
        seen = set()
        lines = [f"commonvoice\t{sentence}" for sentence in kept(common_voice(args.voice_web, label), seen)]
        if label in BIBLES:
            lines += [f"bible\t{sentence}" for sentence in kept(bible(args.bible_corpus, BIBLES[label]), seen)]
        if len(lines) > CAP:
            lines = draw.sample(lines, CAP)
        (output / f"{label}.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{label}: {len(lines)} sentences", flush=True)


if __name__ == "__main__":
    main()
