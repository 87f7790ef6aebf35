#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the language detector that the program carries: an XLM-RoBERTa sequence classifier for 20 languages.

    pip install -r tools/language_detector/requirements.txt
    python3 tools/language_detector/more_text.py VOICE_WEB BIBLE_CORPUS MORE
    python3 tools/language_detector/train.py CORPUS/train OUTPUT --more MORE --test CORPUS/test_tatoeba LINGUA/sentences
    minnow pack --model OUTPUT --dtype int8 --embedding-dtype int4 -o src/models/builtin/language_detector.minnow

CORPUS/train holds LANGUAGE.tsv files of lines "source, tab, sentence". OUTPUT becomes a directory as transformers saves
it. One thread and one seed, but sentencepiece seeds its random segmentations itself, so that two runs differ a little.
docs/language-detector.md has the recipe's reasons and what it reaches; measure.py beside this file measures.
"""
import argparse
import json
import os
import pathlib
import random
import sys
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import sentencepiece
import torch
from opencc import OpenCC
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

from corpus import LABELS, NO_LANGUAGE, TextMaker, read_train, word_pairs
from vocabulary import UNKNOWN, common_han, make_normalizer, pieces_of, tokenizer_json, train_pieces

MAX_TOKENS = 128
VOCABULARY_SHARES = {**dict.fromkeys(("el", "hi", "th"), 0.1), **dict.fromkeys(("ar", "ur", "ja", "zh"), 0.25)}
BATCH_TOKENS = 8192


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("output")
    parser.add_argument("--more", nargs="*", default=[], metavar="DIR", help="folders like CORPUS: more_text.py makes one")
    parser.add_argument("--test", nargs="*", default=[], metavar="DIR", help="LANGUAGE.txt files whose sentences are not trained on")
    parser.add_argument("--vocabulary", metavar="FILE", help="pieces.model of an earlier OUTPUT, in place of a new one")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--pieces", type=int, default=66500, help="size of the vocabulary")
    parser.add_argument("--characters", type=int, default=1_200_000, help="of each language to make the vocabulary from")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--intermediate", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--texts", type=int, default=10000, help="texts of each language in an epoch")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--table-rate", type=float, default=0.3, help="the word embeddings' rate, as a share of --rate")
    parser.add_argument("--prior", type=float, default=0.2, help="of the counts that word embeddings begin as")
    parser.add_argument("--constant", type=float, default=4.0, help="length of what is added to all word embeddings")
    parser.add_argument("--gain", type=float, default=20.0, help="of the head to begin with")
    parser.add_argument("--smoothing", type=float, default=0.02)
    parser.add_argument("--names", type=float, default=0.1, help="share of texts with a name of no language put in")
    parser.add_argument("--alpha", type=float, default=0.2, help="of the random segmentation; the higher, the likelier the best one")
    parser.add_argument("--develop", type=int, default=0, help="sentences of each language to hold out and to measure with")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="SOURCE",
                        help="sources that are not trained on; OUTPUT/left_out.tsv gets their sentences")
    return parser.parse_args()


# --- texts to batches -------------------------------------------------------------------------------------------


def load_corpus(folders, tests, left_out, normalize, output):
    """{language: [sentence]}, normalised but for case, which TextMaker changes; what is left out goes to a file."""
    corpus, rows = {}, []
    for label, lines in read_train(folders, tests).items():
        corpus[label] = [sentence for source, sentence in lines if source not in left_out and normalize(sentence)]
        rows += [f"{label}\t{sentence}" for source, sentence in lines if source in left_out]
    # The corpus has next to no traditional Chinese.
    traditional = OpenCC("s2t")
    corpus["zh"] += [traditional.convert(sentence) for sentence in corpus["zh"][::2]]
    if rows:
        (output / "left_out.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return corpus


def vocabulary_texts(corpus, most, normalize, draw):
    """Sentences of each language, up to `most` characters: fewer where letters alone tell the language, or nearly so."""
    texts = []
    for label in LABELS:
        characters = 0
        for sentence in draw.sample(corpus[label], len(corpus[label])):
            if characters > most * VOCABULARY_SHARES.get(label, 1):
                break
            texts.append(normalize(sentence))
            characters += len(texts[-1])
    return texts


def make_pieces(args, corpus, normalize, draw):
    """The sentencepiece processor; OUTPUT/pieces.model is a copy of it."""
    if args.vocabulary:
        model = pathlib.Path(args.vocabulary).read_bytes()
    else:
        model = train_pieces(vocabulary_texts(corpus, args.characters, normalize, draw), args.pieces)
    (pathlib.Path(args.output) / "pieces.model").write_bytes(model)
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def hold_out(corpus, count, draw):
    """[(language, sentence)]: takes `count` random sentences of each language away from the corpus."""
    held = []
    for label in LABELS if count else ():
        draw.shuffle(corpus[label])
        held += [(label, sentence) for sentence in corpus[label][:count]]
        corpus[label] = corpus[label][count:]
    return held


def encode(texts, processor, normalize, draw, alpha):
    """[(label, ids)] of texts. Most are cut into pieces at random: a word that is new is made of pieces that words known had."""
    encoded = []
    for label, text in texts:
        text = normalize(text)
        if draw.random() < 0.7:
            ids = processor.encode(text, enable_sampling=True, alpha=alpha, nbest_size=-1)
        else:
            ids = processor.encode(text)
        if len(ids) > 3:
            kind = draw.random()
            if kind < 0.3:
                ids = [i for i in ids if draw.random() > 0.1] or ids
            elif kind < 0.4:
                ids = [UNKNOWN if draw.random() < 0.15 else i for i in ids]
        encoded.append((label, [0] + ids[:MAX_TOKENS - 2] + [2]))
    return encoded


def batches(encoded, draw):
    """Texts of like length together, padded; batches in random order."""
    encoded = sorted(encoded, key=lambda item: len(item[1]))
    cut, batch = [], []
    for item in encoded:
        if batch and (len(batch) + 1) * len(item[1]) > BATCH_TOKENS:
            cut.append(batch)
            batch = []
        batch.append(item)
    cut.append(batch)
    draw.shuffle(cut)
    for batch in cut:
        width = max(len(ids) for _, ids in batch)
        ids = torch.tensor([ids + [1] * (width - len(ids)) for _, ids in batch])
        yield ids, torch.tensor([label for label, _ in batch])


# --- training ---------------------------------------------------------------------------------------------------


def make_model(args, pieces):
    config = XLMRobertaConfig(
        vocab_size=pieces, hidden_size=args.hidden, num_hidden_layers=1, num_attention_heads=args.heads,
        intermediate_size=args.intermediate, max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1,
        layer_norm_eps=1e-5, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.0, bos_token_id=0, pad_token_id=1,
        eos_token_id=2, id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)})
    return XLMRobertaForSequenceClassification(config)


def start_from_counts(model, corpus, processor, normalize, args):
    """The model begins as a naive Bayes classifier of pieces: word embeddings are the logs of the languages' shares, the
    layer hands on their mean, and the head reads it.

    What is added to all embeddings is `constant` long in a direction of its own, so that the normalization of layers leaves
    pieces that tell little short in the directions of the languages.
    """
    counts = torch.zeros(model.config.vocab_size, len(LABELS))
    for number, label in enumerate(LABELS):
        ids = []
        for sentence in corpus[label]:
            text = normalize(sentence)
            ids += processor.encode(text) + processor.encode(text, enable_sampling=True, alpha=0.2, nbest_size=-1)
        counts[:, number] = torch.bincount(torch.tensor(ids), minlength=len(counts))
    counts *= 1e6 / counts.sum(0)  # a million pieces of each language
    smooth = torch.log(counts + args.prior)
    evidence = smooth - smooth.mean(1, keepdim=True)
    evidence /= evidence.std()
    evidence[:UNKNOWN + 1] = 0
    embeddings, layer, head = model.roberta.embeddings, model.roberta.encoder.layer[0], model.classifier
    table = embeddings.word_embeddings.weight
    directions = torch.linalg.qr(torch.randn(table.shape[1], len(LABELS) + 1))[0].T
    with torch.no_grad():
        table.copy_(0.1 * (evidence @ directions[:-1] + 0.1 * torch.randn(table.shape)))
        table[model.config.pad_token_id].zero_()
        embeddings.position_embeddings.weight.mul_(0.1)
        embeddings.token_type_embeddings.weight.copy_(0.1 * args.constant * directions[-1:])
        for linear, share in ((layer.attention.self.value, 1), (layer.attention.output.dense, 1), (head.dense, 0.2)):
            linear.weight.mul_(0.3).add_(share * torch.eye(table.shape[1]))
        layer.output.dense.weight.mul_(0.1)
        head.out_proj.weight.add_(args.gain * directions[:-1])
        model.eval()
        head.out_proj.bias.sub_(fast_logits(model, torch.tensor([[0, 2]]))[0])  # nothing is of no language


def fast_logits(model, ids):
    """What model(ids) gives, [B, T] to [B, labels], with a hundredth of the arithmetic.

    With one layer only the first token's output reaches the classifier. Its query is known before any key, so that keys
    and values need no product for each token: q (K x) = (K' q) x, and sum a V x = V (sum a x).
    """
    embeddings, layer, head = model.roberta.embeddings, model.roberta.encoder.layer[0], model.classifier
    attention, heads = layer.attention.self, model.config.num_attention_heads
    shown = ids != model.config.pad_token_id
    positions = (torch.arange(ids.shape[1]) + model.config.pad_token_id + 1).expand_as(ids)
    x = embeddings.word_embeddings(ids) + embeddings.position_embeddings(positions) \
        + embeddings.token_type_embeddings.weight[0]
    x = embeddings.dropout(embeddings.LayerNorm(x))  # [B, T, C]
    width = x.shape[2] // heads
    key, value = (linear.weight.view(heads, width, -1) for linear in (attention.key, attention.value))
    query = attention.query(x[:, 0]).view(-1, heads, width)
    scores = torch.einsum("bhd,hdc->bhc", query, key) @ x.transpose(1, 2) / width ** 0.5  # [B, heads, T]
    shares = torch.softmax(scores.masked_fill(~shown[:, None], float("-inf")), dim=2)
    context = torch.einsum("bhc,hdc->bhd", shares @ x, value).flatten(1) + attention.value.bias
    y = layer.attention.output(context, x[:, 0])
    y = layer.output(layer.intermediate(y), y)
    y = torch.tanh(head.dense(head.dropout(y)))
    return head.out_proj(head.dropout(y))


def check_logits(model, ids):
    """The arithmetic above is transformers' own."""
    model.eval()
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=(ids != model.config.pad_token_id).long()).logits
        difference = float((fast_logits(model, ids) - theirs).abs().max())
    model.train()
    assert difference < 1e-4, difference


def loss_of(logits, labels, smoothing):
    """Cross entropy. Of a text without a language every label is as right as the others."""
    count = logits.shape[1]
    target = torch.full_like(logits, smoothing / count)
    known = labels != NO_LANGUAGE
    target[known, labels[known]] += 1 - smoothing
    target[~known] = 1 / count
    return -(target * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


def make_optimizer(model, rate, table_rate):
    """The table learns more slowly: Adam moves pieces that are seen seldom as far as others."""
    table = model.roberta.embeddings.word_embeddings.weight
    decayed = [p for p in model.parameters() if p.ndim > 1 and p is not table]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0},
              {"params": [table], "weight_decay": 0.0, "lr": rate * table_rate}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)
    for group in optimizer.param_groups:
        group["rate"] = group["lr"]
    return optimizer


def train(model, epochs, args, keep):
    """epochs: of a list of (ids, labels) each. `keep` is called after each."""
    optimizer = make_optimizer(model, args.rate, args.table_rate)
    begin = time.monotonic()
    for number in range(epochs.count):
        steps = epochs.make(number)
        losses = []
        for i, (ids, labels) in enumerate(steps):
            done = (number + i / len(steps)) / epochs.count
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * min(1.0, done * epochs.count * 10, (1 - done) * 1.25 + 0.01)
            loss = loss_of(fast_logits(model, ids), labels, args.smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
        tail = losses[-200:]
        print(f"epoch {number + 1}: {len(steps)} steps, loss {sum(tail) / len(tail):.4f}, "
              f"{time.monotonic() - begin:.0f} s", flush=True)
        check_logits(model, steps[0][0])
        keep()


def measure(model, rows, processor, normalize):
    """The macro accuracy of [(language, text)]."""
    right = dict.fromkeys(LABELS, 0)
    count = dict.fromkeys(LABELS, 0)
    encoded = [(i, [0] + processor.encode(normalize(text))[:MAX_TOKENS - 2] + [2]) for i, (_, text) in enumerate(rows)]
    model.eval()
    with torch.no_grad():
        for ids, numbers in batches(encoded, random.Random(0)):
            for number, best in zip(numbers.tolist(), fast_logits(model, ids).argmax(1).tolist()):
                label = rows[number][0]
                count[label] += 1
                right[label] += LABELS[best] == label
    model.train()
    return sum(right[label] / count[label] for label in LABELS) / len(LABELS)


class Epochs:
    def __init__(self, args, maker, processor, normalize):
        self.count = args.epochs
        self._args, self._maker = args, maker
        self._processor, self._normalize = processor, normalize
        self._draw = random.Random(args.seed)

    def make(self, number):
        texts = self._maker.epoch(self._args.texts, self._args.texts // 2)
        return list(batches(encode(texts, self._processor, self._normalize, self._draw, self._args.alpha), self._draw))


def tokenizer_text(processor):
    return json.dumps(tokenizer_json(pieces_of(processor)), ensure_ascii=False, indent=1) + "\n"


def save(model, processor, output):
    model.save_pretrained(output)
    (output / "tokenizer.json").write_text(tokenizer_text(processor), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_TOKENS, "bos_token": "<s>",
                "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (output / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def main():
    args = arguments()
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    draw = random.Random(args.seed)
    normalize = make_normalizer()
    corpus = load_corpus([args.corpus, *args.more], args.test, set(args.leave_out), normalize, output)
    processor = make_pieces(args, corpus, normalize, draw)
    print(f"{len(processor)} pieces", flush=True)
    held = hold_out(corpus, args.develop, draw)
    tests = {"sentences": held, "pairs of words": word_pairs(held)}
    model = make_model(args, len(processor))
    start_from_counts(model, corpus, processor, normalize, args)
    model.train()
    maker = TextMaker(corpus, common_han()[1], args.names, args.seed)

    def keep():
        save(model, processor, output)
        if held:
            print(", ".join(f"{name} {100 * measure(model, rows, processor, normalize):.2f} %" for name, rows in tests.items()),
                  flush=True)

    train(model, Epochs(args, maker, processor, normalize), args, keep)


if __name__ == "__main__":
    sys.exit(main())
