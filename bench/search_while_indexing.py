#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches beside indexing: pages of documentation are sent over HTTP while another client searches the same index; the 99th
percentile of its searches beside what it is once all is done.

usage: bench/search_while_indexing.py [--model DIR|FILE] [--pages DIR] [--take N] [--seconds 20] [--append]
"""
import pathlib
import statistics
import tempfile
import threading
import time

import ledger
from search_client import Client, Server, percentile

BATCH = 20
WANTED_RATIO = 5.0
QUERIES = ["how do I drain a node", "pod disruption budget", "rolling update of a deployment", "what is a headless service",
           "limit the memory of a container", "mount a secret as a file", "taints and tolerations", "horizontal pod autoscaler metrics",
           "why is my pod pending", "network policy that denies all ingress", "rotate certificates of the kubelet", "static pods"]


def read_pages(folder):
    pages = []
    for path in sorted(pathlib.Path(folder).rglob("*.md")):
        text = path.read_text(encoding="utf-8", errors="replace")
        title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith(("# ", "title:"))), path.stem)
        pages.append({"id": str(path.relative_to(folder)), "title": title, "text": text})
    if not pages:
        raise SystemExit(f"no pages below {folder}")
    return pages


def search(client, i):
    """Milliseconds: from end to end, and of these embedding and looking up as the server tells them."""
    query = {"q": f"{QUERIES[i % len(QUERIES)]} {i}", "limit": 10}
    answer, seconds = client.ok(Client.post("/indexes/pages/search", query))
    return seconds * 1e3, answer["timings"]["embed_ms"], answer["timings"]["search_ms"]


def search_for(client, go_on):
    times = []
    while go_on(len(times)):
        times.append(search(client, len(times)))
        time.sleep(0.005)  # as somebody who types
    return times


def index_pages(port, pages, state):
    client = Client(port)
    begin = time.monotonic()
    for at in range(0, len(pages), BATCH):
        client.add("pages", pages[at:at + BATCH])
    state["taken"] = time.monotonic() - begin
    client.await_vectors("pages")
    state["done"] = time.monotonic() - begin


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--pages", type=pathlib.Path, default=ledger.DATA / "k8s_docs/docs")
    parser.add_argument("--take", type=int, help="pages of them")
    parser.add_argument("--seconds", type=float, default=20, help="of searches once all is indexed")
    args = parser.parse_args()
    pages = read_pages(args.pages)[:args.take]
    start = ledger.machine()
    with tempfile.TemporaryDirectory() as folder:
        model = ledger.packed(args.minnow, args.model, "int8", folder)
        server = Server(args.minnow, model, "--index", pathlib.Path(folder) / "pages.db")
        try:
            client = Client(server.port)
            client.add("pages", pages[:1])
            client.await_vectors("pages")
            state = {}
            indexing = threading.Thread(target=index_pages, args=(server.port, pages, state))
            indexing.start()
            beside = search_for(client, lambda _: indexing.is_alive())
            indexing.join()
            end = time.monotonic() + args.seconds
            alone = search_for(client, lambda _: time.monotonic() < end)
            described = client.get("/indexes/pages")
        finally:
            server.stop()
    rows = ["| | searches | median ms | p99 ms | max ms | embedding, median / p99 | looking up, median / p99 |", "|---|---|---|---|---|---|---|"]
    last = []
    for name, searches in (("while indexing", beside), ("alone", alone)):
        times, embedding, lookup = zip(*searches)
        last.append(percentile(times, 0.99))
        rows.append(f"| {name} | {len(times)} | {statistics.median(times):.2f} | {last[-1]:.2f} | {max(times):.2f} | " +
                    " | ".join(f"{statistics.median(part):.2f} / {percentile(part, 0.99):.2f}" for part in (embedding, lookup)) + " |")
    ratio = last[0] / last[1]
    body = "\n".join(rows) + (f"\n\n{described['documents']} pages, {described['chunks']} chunks: taken after {state['taken']:.1f} s, all with vectors after "
                              f"{state['done']:.1f} s. p99 while indexing over p99 alone: {ratio:.2f} (wanted: at most {WANTED_RATIO:.0f}).")
    ledger.report(args, "searches while documents are indexed", start, body)


if __name__ == "__main__":
    main()
