#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A search over HTTP, end to end at one connection: a query of 60 tokens is embedded (int8) and looked up among 80,000 real
sentences; semantic, hybrid and lexical.

usage: bench/search_http.py [--model DIR|FILE] [--store FILE] [--documents 80000] [--queries 300] [--append]
--store keeps the indexed sentences for the next run; embedding them takes minutes. Every query is another one.
"""
import json
import pathlib
import statistics
import tempfile

import bulk
import ledger
from search_client import Client, Server, percentile

QUERY_TOKENS = 60
BATCH = 5000
MODES = {"semantic": 1.0, "hybrid": 0.5, "lexical": 0.0}


def queries(client, lines, count):
    """Texts of 60 tokens, special tokens included, made of sentences that are not in the index."""
    texts, at = [], 0
    while len(texts) < count:
        text, tokens = "", 0
        while tokens < QUERY_TOKENS:
            words, at = lines[at % len(lines)].replace(chr(34), " ").split(), at + 1  # quotes would ask for phrases
            for word in words:
                text = f"{text} {word}".strip()
                tokens = len(client.ok(Client.post("/tokenize", {"inputs": text}))[0][0])
                if tokens >= QUERY_TOKENS:
                    break
        if tokens == QUERY_TOKENS:
            texts.append(text)
    return texts


def measure(client, texts, ratio):
    times, embedding, searching = [], [], []
    for text in texts:
        answer, seconds = client.ok(Client.post("/indexes/lines/search", {"q": text, "semantic_ratio": ratio}))
        times.append(seconds * 1e3)
        embedding.append(answer["timings"]["embed_ms"])
        searching.append(answer["timings"]["search_ms"])
        if not answer["hits"]:
            raise SystemExit(f"no hits for {text}")
    return times, embedding, searching


def index_lines(client, lines):
    for begin in range(0, len(lines), BATCH):
        client.add("lines", [{"id": f"{begin + i}", "text": line} for i, line in enumerate(lines[begin:begin + BATCH])])
    seconds, state = client.await_vectors("lines")
    print(f"{state['documents']} documents, {state['chunks']} chunks indexed; {seconds:.0f} s after the last was taken", flush=True)


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--store", type=pathlib.Path)
    parser.add_argument("--documents", type=int, default=80_000)
    parser.add_argument("--queries", type=int, default=300)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = ledger.packed(args.minnow, args.model, "int8", folder)
        server = Server(args.minnow, model, "--index", args.store or pathlib.Path(folder) / "lines.db")
        try:
            client = Client(server.port)
            lines = bulk.real_lines(ledger.DATA, args.documents)
            known = {state["name"] for state in client.get("/indexes")["results"]}
            if "lines" not in known or client.get("/indexes/lines")["documents"] < args.documents:
                index_lines(client, lines)
            texts = queries(client, lines[::-1], args.queries)
            start = ledger.machine()
            rows = ["| | min ms | median ms | p99 ms | of it embedding, median | search, median |", "|---|---|---|---|---|---|"]
            for name, ratio in MODES.items():
                measure(client, texts[:20], ratio)
                times, embedding, searching = measure(client, texts, ratio)
                rows.append(f"| {name} | {min(times):.2f} | {statistics.median(times):.2f} | {percentile(times, 0.99):.2f} | "
                            f"{statistics.median(embedding):.2f} | {statistics.median(searching):.2f} |")
            print(json.dumps(client.get("/indexes/lines")))
        finally:
            server.stop()
    body = "\n".join(rows) + f"\n\n{args.documents} sentences, {len(texts)} queries of {QUERY_TOKENS} tokens, one connection. Median wanted: 3 ms."
    ledger.report(args, "a search over HTTP, end to end", start, body)


if __name__ == "__main__":
    main()
